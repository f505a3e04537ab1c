import { mkdtempSync, rmSync } from "node:fs";
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

  it("says when there is no domain", async () => {
    await expect(loadFromLdif([utf8("nothing\n")])).rejects.toMatchObject({ code: "NO_DOMAIN" });
  });
});
