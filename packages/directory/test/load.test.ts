import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { utf8 } from "@waybill/base";
import { LdapClient, LdapServer } from "@waybill/ldap";
import { describe, expect, it } from "vitest";
import {
  DirectoryLdapBackend,
  exportLdif,
  loadFromLdap,
  loadFromLdif,
  MemoryDirectory,
} from "../src/index.ts";

function original(): MemoryDirectory {
  const directory = new MemoryDirectory({
    realm: "LAB.TEST",
    netbiosName: "LABOR",
    functionalLevel: 6,
    administratorPassword: "Passw0rd!",
  });
  directory.createUser({ name: "alice", upn: "alice@lab.test", sensitive: true, protected: true });
  directory.createGroup({ name: "Operators" });
  directory.createUser({ name: "jörg", cn: "Jörg, der Große", groups: ["Operators"] });
  directory.addMember("Hyper-V Administrators", "Operators");
  directory.createComputer({ name: "KVM01", migration: true });
  directory.createComputer({ name: "KVM02" });
  directory.setDelegation("KVM01", { to: ["cifs/kvm02.lab.test"], protocol: "any" });
  directory.setDelegation("KVM02", { from: ["KVM01"] });
  return directory;
}

function compare(loaded: MemoryDirectory, source: MemoryDirectory): void {
  const { upnSuffixes: _, tickets: __, defaultSupportedEncTypes: ___, ...facts } = source.domain;
  expect(loaded.domain).toMatchObject(facts);
  for (const account of source.accounts()) {
    const copy = loaded.bySid(account.sid);
    const { keySets: _k, logonCount: _l, displayName: _d, guid, kvno: _v, ...rest } = account;
    expect(copy).toMatchObject({ ...rest, guid: guid ?? "" });
    expect(loaded.groupsOf(copy!).map((group) => group.sid)).toEqual(
      source.groupsOf(account).map((group) => group.sid),
    );
  }
  expect(loaded.bySpn("cifs/kvm01")?.samAccountName).toBe("KVM01$");
}

describe("loading", () => {
  it("an LDIF export gives the same directory", async () => {
    const source = original();
    const { directory, problems } = await loadFromLdif([...exportLdif(source)].map(utf8));
    expect(problems).toEqual([]);
    compare(directory, source);
  });

  it("accounts made in a loaded directory get SIDs that nobody has", async () => {
    const { directory } = await loadFromLdif([...exportLdif(original())].map(utf8));
    const bob = directory.createUser({ name: "bob" });
    expect(directory.bySid(bob.sid)?.samAccountName).toBe("bob");
  });

  it("from a live server gives the same directory", async () => {
    const source = original();
    const server = new LdapServer({
      backend: new DirectoryLdapBackend({ directory: source, dnsHostName: "dc1.lab.test" }),
    });
    const folder = mkdtempSync(join(tmpdir(), "waybill-load-"));
    const path = join(folder, "ldapi");
    await server.listen({ path });
    const client = await LdapClient.connect({ url: `ldapi://${encodeURIComponent(path)}` });
    try {
      await client.bindSimple("LABOR\\Administrator", "Passw0rd!");
      const { directory, problems } = await loadFromLdap(client);
      expect(problems).toEqual([]);
      compare(directory, source);
    } finally {
      client.close();
      await server.stop(100);
      rmSync(folder, { recursive: true });
    }
  });

  it("gives up on a server that stops answering half-way, and says what it was doing", async () => {
    const source = original();
    for (let index = 0; index < 300; index++)
      source.createUser({ name: `user${index}`, password: "Passw0rd!" });
    const server = new LdapServer({
      backend: new DirectoryLdapBackend({ directory: source, dnsHostName: "dc1.lab.test" }),
    });
    const folder = mkdtempSync(join(tmpdir(), "waybill-load-"));
    await server.listen({ path: join(folder, "server") });
    let passed = 0;
    const relay = createServer((near) => {
      const far = connect(join(folder, "server"));
      near.pipe(far).on("error", () => near.destroy());
      far.on("data", (bytes: Buffer) => {
        passed += bytes.length;
        if (passed < 20_000) near.write(bytes);
      });
      near.on("error", () => far.destroy()).on("close", () => far.destroy());
    });
    await new Promise<void>((resolve) => relay.listen(join(folder, "relay"), resolve));
    const client = await LdapClient.connect({
      url: `ldapi://${encodeURIComponent(join(folder, "relay"))}`,
      timeout: 3000,
    });
    try {
      await client.bindSimple("LABOR\\Administrator", "Passw0rd!");
      await expect(loadFromLdap(client)).rejects.toMatchObject({
        code: expect.stringMatching(/DEADLINE|TIMEOUT|UNREACHABLE/) as string,
        message: expect.stringContaining("DC=lab,DC=test") as string,
      });
      expect(passed).toBeGreaterThan(20_000);
    } finally {
      client.close();
      relay.close();
      await server.stop(100);
      rmSync(folder, { recursive: true });
    }
  });

  it("takes part of an export, says what is missing, and what it may not assume", async () => {
    const text = `dn: CN=KVM01,OU=Hosts,DC=lab,DC=test
objectClass: computer
sAMAccountName: KVM01$
objectSid: S-1-5-21-1-2-3-1104
userAccountControl: 4096
primaryGroupID: 515
member: CN=nobody,DC=lab,DC=test

dn: CN=hidden,OU=Hosts,DC=lab,DC=test
objectClass: user
sAMAccountName: hidden
objectSid: S-1-5-21-1-2-3-1105

dn: CN=KVM02,OU=Hosts,DC=lab,DC=test
objectClass: computer
sAMAccountName: KVM02$
objectSid: S-1-5-21-1-2-3-1106
userAccountControl: 4096
primaryGroupID: 515
msDS-AllowedToActOnBehalfOfOtherIdentity: O:BAD:(A;;GA;;;S-1-5-21-1-2-3-1104)

dn: CN=x,DC=lab,DC=test
changetype: delete
`;
    const { directory, problems } = await loadFromLdif([utf8(text)]);
    expect(directory.domain).toMatchObject({
      dnsName: "lab.test",
      netbiosName: "LAB",
      sid: "S-1-5-21-1-2-3",
    });
    expect(directory.bySam("KVM01$")?.unreadable.size).toBe(0);
    expect(directory.bySam("hidden")?.unreadable).toContain("msds-allowedtodelegateto");
    expect(directory.bySam("KVM02$")?.allowedToActOnBehalfOf?.length).toBeGreaterThan(20);
    expect(directory.byDn("cn=kvm01,ou=hosts,dc=lab,dc=test")?.sid).toBe("S-1-5-21-1-2-3-1104");
    expect(problems.map(({ text: problem }) => problem)).toEqual([
      "the delete record was not carried out",
      "the source lacks the domain's own entry: its policy is assumed to be the default",
      "1 group memberships name objects that are not in the source",
    ]);
  });

  it("marks attributes the export was not made with", async () => {
    const text =
      "dn: CN=a,DC=lab\nobjectClass: user\nsAMAccountName: a\nobjectSid: S-1-5-21-1-2-3-1105\nuserAccountControl: 512\nprimaryGroupID: 513\n";
    const { directory } = await loadFromLdif([utf8(text)], {
      attributes: ["sAMAccountName", "objectSid", "userAccountControl"],
    });
    expect(directory.bySam("a")?.unreadable).toContain("serviceprincipalname");
    expect(directory.bySam("a")?.unreadable).not.toContain("useraccountcontrol");
  });

  const host = (more = ""): string =>
    `dn: CN=KVM01,OU=Rechner,DC=lab,DC=test
objectClass: computer
sAMAccountName: KVM01$
objectSid: S-1-5-21-1-2-3-1104
userAccountControl: 4096
primaryGroupID: 515
${more}
`;
  const domain =
    "dn: DC=lab,DC=test\nobjectClass: domainDNS\nobjectSid: S-1-5-21-1-2-3\nmsDS-Behavior-Version: 7\n\n";
  const problemsOf = async (text: string | Uint8Array): Promise<string[]> => {
    const { problems } = await loadFromLdif([typeof text === "string" ? utf8(text) : text]);
    return problems.map(({ where, text: problem }) => `${where}: ${problem}`);
  };

  it("knows well-known groups by SID, whatever their names are in the domain's language", async () => {
    const group = (name: string, sid: string, member: string): string =>
      `dn: CN=${name},CN=Builtin,DC=lab,DC=test\nobjectClass: group\nsAMAccountName: ${name}\nobjectSid: ${sid}\ngroupType: -2147483643\nmember: ${member}\n\n`;
    const user = (name: string, rid: number): string =>
      `dn: CN=${name},OU=Leute,DC=lab,DC=test\nobjectClass: user\nsAMAccountName: ${name}\nobjectSid: S-1-5-21-1-2-3-${rid}\nuserAccountControl: 512\nprimaryGroupID: 513\n\n`;
    const { directory, problems } = await loadFromLdif([
      utf8(
        domain +
          user("jörg", 1105) +
          group("Hyper-V-Administratoren", "S-1-5-32-578", "CN=jörg,OU=Leute,DC=lab,DC=test") +
          group("Geschützte Benutzer", "S-1-5-21-1-2-3-525", "CN=JÖRG,ou=leute,dc=lab,dc=test"),
      ),
    ]);
    expect(problems).toEqual([]);
    const sids = directory.groupsOf(directory.bySam("JÖRG")!).map(({ sid }) => sid);
    expect(sids).toEqual(["S-1-5-21-1-2-3-525", "S-1-5-32-578"]);
  });

  it("says that a group is cut short where the server gave a range", async () => {
    const ranged = `${domain}${host()}
dn: CN=viele,DC=lab,DC=test
objectClass: group
sAMAccountName: viele
objectSid: S-1-5-21-1-2-3-1200
groupType: -2147483646
member;range=0-1499: CN=KVM01,OU=Rechner,DC=lab,DC=test
`;
    expect(await problemsOf(ranged)).toEqual([
      expect.stringContaining("member was cut short by the server (member;range=0-1499)") as string,
    ]);
    expect(await problemsOf(ranged.replace("0-1499", "1500-*"))).toEqual([]);
  });

  it("says that a file ends in the middle of a line", async () => {
    expect(await problemsOf(`${domain}${host("dNSHostName: kvm01.la").trimEnd()}`)).toEqual([
      "line 12: the file ends in the middle of this line; it may have been cut short",
    ]);
  });

  it("reads what PowerShell wrote, with and without a byte order mark", async () => {
    for (const mark of ["\ufeff", ""]) {
      const { directory } = await loadFromLdif([
        new Uint8Array(Buffer.from(`${mark}${domain}${host()}`.replaceAll("\n", "\r\n"), "utf16le")),
      ]);
      expect(directory.bySam("KVM01$")?.primaryGroupId).toBe(515);
    }
  });

  it("outlives names that nest for ever, attributes without end, and problems without number", async () => {
    const deep = `dn: ${"CN=a,".repeat(50_000)}DC=lab,DC=test\nobjectClass: user\n\n`;
    expect(await problemsOf(domain + deep + host())).toEqual([
      expect.stringContaining("the name of the entry cannot be read") as string,
    ]);
    const odd = Array.from({ length: 20_000 }, (_, index) => `x-${index}: y\n`).join("");
    expect(await problemsOf(domain + host(odd))).toEqual([]);
    const many = await problemsOf(domain + host() + "nonsense\n".repeat(20_000));
    expect(many).toHaveLength(1001);
    expect(many.at(-1)).toContain("19000 further problems were not listed");
  });

  it("says when there is no domain", async () => {
    await expect(loadFromLdif([utf8("nothing\n")])).rejects.toMatchObject({ code: "NO_DOMAIN" });
  });
});
