import { utf8 } from "@waybill/base";
import { describe, expect, it } from "vitest";
import { encodeUnicodePwd, exportLdif, importLdif, MemoryDirectory, verifyPassword } from "../src/index.ts";

describe("importing LDIF", () => {
  it("carries out entries and change records, groups before their members, and reports what fails", async () => {
    const directory = new MemoryDirectory({ realm: "LAB.TEST", administratorPassword: "Passw0rd!" });
    const password = Buffer.from(encodeUnicodePwd("Str0ng.pass")).toString("base64");
    const text = `dn: CN=Operators,CN=Users,DC=lab,DC=test
objectClass: group
sAMAccountName: Operators
member: CN=alice,CN=Users,DC=lab,DC=test

dn: CN=alice,CN=Users,DC=lab,DC=test
objectClass: user
sAMAccountName: alice
userAccountControl: 512
unicodePwd:: ${password}

dn: CN=KVM01,CN=Computers,DC=lab,DC=test
objectClass: computer
msDS-AllowedToDelegateTo: cifs/kvm02

dn: CN=nowhere,CN=Missing,DC=lab,DC=test
objectClass: user

dn: CN=KVM01,CN=Computers,DC=lab,DC=test
changetype: modify
replace: userAccountControl
userAccountControl: 16781312
-

dn: CN=Guest,CN=Users,DC=lab,DC=test
changetype: delete
`;
    const result = await importLdif(directory, [utf8(text)]);
    expect(result).toMatchObject({ added: 3, changed: 2, problems: [{ line: 16 }] });
    const alice = directory.bySam("alice")!;
    expect(verifyPassword(alice, "Str0ng.pass")).toBe(true);
    expect(directory.groupsOf(alice).map((group) => group.samAccountName)).toContain("Operators");
    expect(directory.byName("KVM01")).toMatchObject({
      allowedToDelegateTo: ["cifs/kvm02"],
      userAccountControl: 0x1001000,
    });
    expect(directory.bySam("Guest")).toBeUndefined();
  });

  it("leaves a record alone of which a line cannot be read, and carries out the others", async () => {
    const directory = new MemoryDirectory({ realm: "LAB.TEST" });
    const text = `dn: CN=torn,CN=Users,DC=lab,DC=test
objectClass: user
sAMAccountName: torn
description:: not*base64

dn: CN=Guest,CN=Users,DC=lab,DC=test
changetype: modify
replace: description
description no colon
-

nonsense

dn: CN=whole,CN=Users,DC=lab,DC=test
objectClass: user
sAMAccountName: whole
`;
    const result = await importLdif(directory, [utf8(text)]);
    expect(result.problems.map(({ line }) => line)).toEqual([4, 9, 12]);
    expect(result).toMatchObject({ added: 1, changed: 0 });
    expect(directory.bySam("torn")).toBeUndefined();
    expect(directory.bySam("whole")).toBeDefined();
  });

  it("takes over another domain's export", async () => {
    const source = new MemoryDirectory({ realm: "LAB.TEST" });
    source.createUser({ name: "alice", sensitive: true, protected: true });
    source.createComputer({ name: "KVM01", migration: true });
    source.setDelegation("KVM01", { to: ["cifs/kvm02"] });
    const directory = new MemoryDirectory({ realm: "LAB.TEST" });
    const { problems } = await importLdif(directory, [...exportLdif(source)].map(utf8));
    expect(problems).toEqual([]);
    expect(directory.bySpn("cifs/kvm01")).toMatchObject({ allowedToDelegateTo: ["cifs/kvm02"] });
    const alice = directory.bySam("alice")!;
    expect(alice.userAccountControl).toBe(0x100200);
    expect(directory.groupsOf(alice).map((group) => group.samAccountName)).toContain("Protected Users");
    expect(alice.sid.startsWith(directory.domain.sid)).toBe(true);
  });
});
