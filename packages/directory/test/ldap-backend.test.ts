import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ChangeInput, LdapClient, type LdapEntry, LdapError, LdapServer } from "@waybill/ldap";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  actOnBehalfDescriptor,
  DirectoryLdapBackend,
  decodeSecurityDescriptor,
  encodeUnicodePwd,
  type LdapIdentity,
  MemoryDirectory,
  verifyPassword,
} from "../src/index.ts";

const domain = "DC=lab,DC=test";
const users = `CN=Users,${domain}`;
const computers = `CN=Computers,${domain}`;
let directory: MemoryDirectory;
let server: LdapServer<LdapIdentity>;
let folder: string;
const clients: LdapClient[] = [];

beforeEach(async () => {
  directory = new MemoryDirectory({
    realm: "LAB.TEST",
    administratorPassword: "Passw0rd!",
    machineAccountQuota: 2,
    lockout: { threshold: 3 },
  });
  for (const name of ["alice", "bob", "oper"])
    directory.createUser({ name, password: "Secret1!", upn: `${name}@lab.test` });
  directory.createUser({ name: "gone", password: "Secret1!", disabled: true });
  directory.createComputer({ name: "KVM01", password: "Machine1!", migration: true });
  directory.createComputer({ name: "KVM02", password: "Machine2!" });
  directory.addMember("Account Operators", "oper");
  server = new LdapServer({ backend: new DirectoryLdapBackend({ directory, dnsHostName: "dc1.lab.test" }) });
  folder = mkdtempSync(join(tmpdir(), "waybill-ldap-"));
  await server.listen({ path: join(folder, "ldapi") });
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await server.stop(100);
  rmSync(folder, { recursive: true });
});

async function as(name: string, password = "Secret1!"): Promise<LdapClient> {
  const client = await LdapClient.connect({
    url: `ldapi://${encodeURIComponent(join(folder, "ldapi"))}`,
    timeout: 20_000,
  });
  clients.push(client);
  await client.bindSimple(name, password);
  return client;
}

const admin = () => as("LAB\\Administrator", "Passw0rd!");

async function find(
  client: LdapClient,
  filter: string,
  attributes: string[] = [],
  base = domain,
): Promise<LdapEntry[]> {
  const entries: LdapEntry[] = [];
  for await (const entry of client.search({ base, filter, attributes })) entries.push(entry);
  return entries;
}

async function failure(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => "success",
    (error: unknown) => (error instanceof LdapError ? error.resultName : String(error)),
  );
}

const change = (
  operation: ChangeInput["operation"],
  type: string,
  ...values: (string | Uint8Array)[]
): ChangeInput => ({
  operation,
  type,
  values,
});

describe("binding", () => {
  it("takes DN, UPN, implicit UPN and DOMAIN\\name", async () => {
    for (const name of [
      `CN=alice,${users}`,
      "alice@lab.test",
      "ALICE@LAB",
      "LAB\\alice",
      "lab.test\\Alice",
    ]) {
      expect(await (await as(name)).whoAmI()).toBe("u:LAB\\alice");
    }
  });

  it("says why with AD's data words, and locks after wrong passwords", async () => {
    await expect(as("alice@lab.test", "wrong")).rejects.toMatchObject({ windows: { data: 0x52e } });
    await expect(as("nobody@lab.test", "wrong")).rejects.toMatchObject({ windows: { data: 0x52e } });
    await expect(as("gone@lab.test")).rejects.toMatchObject({ windows: { data: 0x533 } });
    await as("alice@lab.test");
    for (let count = 0; count < 3; count++) await as("alice@lab.test", "wrong").catch(() => undefined);
    await expect(as("alice@lab.test")).rejects.toMatchObject({ windows: { data: 0x775 } });
  });
});

describe("searching", () => {
  it("shows a root DSE like a domain controller's", async () => {
    const client = await admin();
    const root = await client.rootDse();
    expect(root.text("defaultNamingContext")).toBe(domain);
    expect(root.text("dnsHostName")).toBe("dc1.lab.test");
    expect(root.text("domainControllerFunctionality")).toBe("7");
    expect(root.text("currentTime")).toMatch(/^\d{14}\.0Z$/);
    expect(root.texts("supportedControl")).toContain("1.2.840.113556.1.4.319");
  });

  it.each([
    ["(sAMAccountName=kvm01$)", ["KVM01"]],
    ["(servicePrincipalName=microsoft virtual system migration service/kvm01.lab.test)", ["KVM01"]],
    ["(servicePrincipalName=Microsoft*)", ["KVM01"]],
    ["(&(objectCategory=computer)(userAccountControl:1.2.840.113556.1.4.803:=4096))", ["KVM01", "KVM02"]],
    [
      "(&(objectClass=user)(!(objectClass=computer))(userAccountControl:1.2.840.113556.1.4.803:=2))",
      ["Guest", "gone", "krbtgt"],
    ],
    ["(memberOf=CN=Account Operators,CN=Builtin,DC=lab,DC=test)", ["oper"]],
    ["(member=CN=oper,CN=Users,DC=lab,DC=test)", ["Account Operators"]],
    ["(|(cn=alice)(userPrincipalName=BOB@lab.test))", ["alice", "bob"]],
    ["(anr=ali)", ["alice"]],
    [
      "(memberOf:1.2.840.113556.1.4.1941:=CN=Denied RODC Password Replication Group,CN=Users,DC=lab,DC=test)",
      undefined,
    ],
  ])("%s", async (filter, names) => {
    const found = (await find(await admin(), filter, ["cn"])).map((entry) => entry.text("cn"));
    if (names === undefined)
      expect(found).toEqual(expect.arrayContaining(["Administrator", "krbtgt", "Domain Admins"]));
    else expect(new Set(found)).toEqual(new Set(names));
  });

  it("finds by SID, GUID and well-known container", async () => {
    const client = await admin();
    const { sid, guid = "" } = directory.bySam("alice")!;
    expect((await find(client, `(objectSid=${sid})`)).length).toBe(1);
    for (const base of [`<SID=${sid}>`, `<GUID=${guid}>`]) {
      expect((await client.read(base))?.dn).toBe(`CN=alice,${users}`);
    }
    const wellKnown = await client.read(`<WKGUID=AA312825768811D1ADED00C04FD8D5CD,${domain}>`);
    expect(wellKnown?.dn).toBe(computers);
  });

  it("never shows secrets, shows operational attributes only when asked", async () => {
    const client = await admin();
    const all = await client.read(`CN=alice,${users}`);
    expect(all?.has("unicodePwd")).toBe(false);
    expect(all?.has("tokenGroups")).toBe(false);
    expect(all?.texts("objectClass")).toEqual(["top", "person", "organizationalPerson", "user"]);
    const asked = await client.read(`CN=alice,${users}`, {
      attributes: [
        "unicodePwd",
        "tokenGroups",
        "canonicalName",
        "msDS-KeyVersionNumber",
        "nTSecurityDescriptor",
        "msDS-PrincipalName",
      ],
    });
    expect(asked?.has("unicodePwd")).toBe(false);
    expect(asked?.values("tokenGroups").length).toBe(2);
    expect(asked?.text("canonicalName")).toBe("lab.test/Users/alice");
    expect(asked?.text("msDS-KeyVersionNumber")).toBe("1");
    expect(asked?.text("msDS-PrincipalName")).toBe("LAB\\alice");
    expect(decodeSecurityDescriptor(asked!.value("nTSecurityDescriptor")!).owner).toMatch(/-512$/);
  });

  it("names the nearest ancestor of a base that does not exist", async () => {
    await expect(find(await admin(), "(cn=*)", [], `CN=no,CN=way,${users}`)).rejects.toMatchObject({
      resultName: "noSuchObject",
      matchedDn: users,
    });
  });
});

describe("changing", () => {
  it("adds a user with a password, changes, moves and deletes it", async () => {
    const client = await admin();
    const dn = `CN=Carol Jones,${users}`;
    await client.add(dn, {
      objectClass: "user",
      sAMAccountName: "carol",
      userAccountControl: "512",
      unicodePwd: encodeUnicodePwd("Str0ng.pass"),
    });
    expect(verifyPassword(directory.bySam("carol")!, "Str0ng.pass")).toBe(true);
    await client.modify(dn, [
      change("replace", "displayName", "Carol"),
      change("add", "servicePrincipalName", "HTTP/carol"),
    ]);
    expect(directory.bySpn("http/CAROL")?.displayName).toBe("Carol");
    await client.modifyDn(dn, { newRdn: "CN=Carol", newSuperior: computers });
    expect(directory.bySam("carol")?.dn).toBe(`CN=Carol,${computers}`);
    await client.delete(`CN=Carol,${computers}`);
    expect(directory.bySam("carol")).toBeUndefined();
  });

  it("changes all or nothing", async () => {
    const client = await admin();
    const dn = `CN=alice,${users}`;
    const changes = [change("replace", "displayName", "A"), change("delete", "description", "none")];
    expect(await failure(client.modify(dn, changes))).toBe("noSuchAttribute");
    expect(directory.bySam("alice")?.displayName).toBeUndefined();
  });

  it("keeps service names unique and system attributes its own", async () => {
    const client = await admin();
    const dn = `CN=KVM02,${computers}`;
    expect(await failure(client.modify(dn, [change("add", "servicePrincipalName", "host/kvm01")]))).toBe(
      "constraintViolation",
    );
    expect(await failure(client.modify(dn, [change("replace", "objectSid", "S-1-5-21-1")]))).toBe(
      "unwillingToPerform",
    );
    expect(await failure(client.modify(dn, [change("replace", "userAccountControl", "lots")]))).toBe(
      "invalidAttributeSyntax",
    );
    expect(await failure(client.modify(dn, [change("replace", "lockoutTime", "5")]))).toBe(
      "constraintViolation",
    );
    expect(await failure(client.delete(users))).toBe("unwillingToPerform");
  });

  it("lets an administrator set delegation, and an operator without the privilege only the resource-based kind", async () => {
    const boss = await admin();
    const operator = await as("oper@lab.test");
    const kvm01 = `CN=KVM01,${computers}`;
    const list = [change("add", "msDS-AllowedToDelegateTo", "cifs/kvm02")];
    const flag = [change("replace", "userAccountControl", String(0x1001000))];
    expect(await failure(operator.modify(kvm01, list))).toBe("insufficientAccessRights");
    expect(await failure(operator.modify(kvm01, flag))).toBe("insufficientAccessRights");
    const grant = actOnBehalfDescriptor([directory.byName("KVM01")!.sid]);
    const rbcd = [change("replace", "msDS-AllowedToActOnBehalfOfOtherIdentity", grant)];
    expect(await failure(operator.modify(`CN=KVM02,${computers}`, rbcd))).toBe("success");
    expect(await failure(boss.modify(kvm01, [...list, ...flag]))).toBe("success");
    expect(directory.byName("KVM01")).toMatchObject({
      allowedToDelegateTo: ["cifs/kvm02"],
      userAccountControl: 0x1001000,
    });
    expect(await failure((await as("bob@lab.test")).modify(`CN=KVM02,${computers}`, rbcd))).toBe(
      "insufficientAccessRights",
    );
  });

  it("lets a computer register names of its own host only", async () => {
    const machine = await as("LAB\\KVM02$", "Machine2!");
    const dn = `CN=KVM02,${computers}`;
    const add = (spn: string) => failure(machine.modify(dn, [change("add", "servicePrincipalName", spn)]));
    expect(await add("TERMSRV/kvm02.lab.test")).toBe("success");
    expect(await add("TERMSRV/kvm03.lab.test")).toBe("constraintViolation");
    expect(await failure(machine.modify(dn, [change("replace", "dNSHostName", "dc1.lab.test")]))).toBe(
      "constraintViolation",
    );
    expect(
      await failure(
        machine.modify(`CN=KVM01,${computers}`, [change("add", "servicePrincipalName", "x/kvm01")]),
      ),
    ).toBe("insufficientAccessRights");
  });

  it("changes passwords by those who know them and resets by those who may", async () => {
    const alice = await as("alice@lab.test");
    const dn = `CN=alice,${users}`;
    const swap = (old: string, fresh: string) => [
      change("delete", "unicodePwd", encodeUnicodePwd(old)),
      change("add", "unicodePwd", encodeUnicodePwd(fresh)),
    ];
    expect(await failure(alice.modify(dn, swap("wrong", "Fresh.pass1")))).toBe("constraintViolation");
    expect(await failure(alice.modify(dn, swap("Secret1!", "short")))).toBe("constraintViolation");
    expect(await failure(alice.modify(dn, swap("Secret1!", "Fresh.pass1")))).toBe("success");
    expect(directory.bySam("alice")?.kvno).toBe(2);
    const reset = [change("replace", "unicodePwd", encodeUnicodePwd("Reset.pass1"))];
    expect(await failure((await as("bob@lab.test")).modify(dn, reset))).toBe("insufficientAccessRights");
    expect(
      await failure((await as("oper@lab.test")).modify(dn, [...reset, change("replace", "pwdLastSet", "0")])),
    ).toBe("success");
    expect(verifyPassword(directory.bySam("alice")!, "Reset.pass1")).toBe(true);
    expect(directory.bySam("alice")?.passwordLastSet).toBeUndefined();
  });

  it("joins computers within the quota", async () => {
    const alice = await as("alice@lab.test");
    const join = (name: string, host = `${name.toLowerCase()}.lab.test`) =>
      failure(
        alice.add(`CN=${name},${computers}`, {
          objectClass: "computer",
          sAMAccountName: `${name}$`,
          userAccountControl: "4096",
          dNSHostName: host,
          servicePrincipalName: [`HOST/${name}`, `HOST/${host}`],
          unicodePwd: encodeUnicodePwd("Machine.pass1"),
        }),
      );
    expect(await join("NEW1")).toBe("success");
    expect(await join("NEW2", "dc1.lab.test")).toBe("constraintViolation");
    expect(await join("NEW2")).toBe("success");
    expect(await join("NEW3")).toBe("unwillingToPerform");
    expect(directory.byName("NEW1")).toMatchObject({ kind: "computer", primaryGroupId: 515, kvno: 1 });
    expect(directory.bySpn("cifs/new1.lab.test")?.samAccountName).toBe("NEW1$");
    expect(await failure(alice.add(`CN=x,${users}`, { objectClass: "user", sAMAccountName: "x" }))).toBe(
      "insufficientAccessRights",
    );
  });

  it("keeps groups", async () => {
    const client = await admin();
    const dn = `CN=Operators,${users}`;
    await client.add(dn, {
      objectClass: "group",
      sAMAccountName: "Operators",
      member: [`CN=alice,${users}`],
    });
    await client.modify(dn, [change("add", "member", `CN=bob,${users}`)]);
    expect((await client.read(dn))?.texts("member").sort()).toEqual([`CN=alice,${users}`, `CN=bob,${users}`]);
    expect(await failure(client.modify(dn, [change("add", "member", `CN=bob,${users}`)]))).toBe(
      "attributeOrValueExists",
    );
    await client.modify(dn, [change("delete", "member", `CN=alice,${users}`)]);
    expect(directory.groupsOf(directory.bySam("alice")!).map((group) => group.samAccountName)).not.toContain(
      "Operators",
    );
    expect((await client.read(`CN=bob,${users}`))?.texts("memberOf")).toEqual([dn]);
  });
});
