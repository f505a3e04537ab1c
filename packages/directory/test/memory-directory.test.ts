import { describe, expect, it } from "vitest";
import { MemoryDirectory } from "../src/index.ts";

describe("MemoryDirectory", () => {
  const directory = new MemoryDirectory({ realm: "LAB.TEST", administratorPassword: "Passw0rd!" });
  const alice = directory.createUser({ name: "alice", password: "Secret1!", upn: "alice@lab.test" });
  const kvm01 = directory.createComputer({ name: "KVM01", migration: true });

  it("has the domain's facts", () => {
    expect(directory.domain).toMatchObject({
      realm: "LAB.TEST",
      dnsName: "lab.test",
      netbiosName: "LAB",
      dn: "DC=lab,DC=test",
    });
    expect(directory.krbtgt.sid).toBe(`${directory.domain.sid}-502`);
    expect(directory.krbtgt.keySets[0]?.keys.map((key) => key.keytype)).toEqual([18, 17]);
  });

  it("finds accounts by every name", () => {
    expect(directory.bySam("ALICE")).toEqual(alice);
    expect(directory.bySid(alice.sid)).toEqual(alice);
    expect(directory.byDn("cn=Alice, cn=users,dc=LAB,dc=test")).toEqual(alice);
    expect(directory.byUpn("Alice@LAB.test")).toEqual(alice);
    expect(directory.byUpn("kvm01$@lab.test")).toEqual(kvm01);
    expect(directory.byUpn("alice@LAB")).toEqual(alice);
    expect(directory.byName("kvm01")).toEqual(kvm01);
    expect(directory.bySam("kvm01")).toBeUndefined();
    expect(directory.byDn("nonsense")).toBeUndefined();
  });

  it("finds services by SPN and by HOST alias", () => {
    expect(directory.bySpn("microsoft virtual system migration service/KVM01.lab.test")).toEqual(kvm01);
    expect(directory.spnOwners("cifs/kvm01")).toEqual({ accounts: [kvm01], match: "host-alias" });
    expect(directory.bySpn("MSSQLSvc/kvm01")).toBeUndefined();
    expect(directory.bySpn("kadmin/changepw")?.samAccountName).toBe("krbtgt");
  });

  it("salts users by their UPN's first part and computers as hosts", () => {
    expect(directory.bySam("alice")?.keySets[0]?.keys[0]?.salt).toBe("LAB.TESTalice");
    directory.createComputer({ name: "TYPED", password: "x" });
    expect(directory.bySam("typed$")?.keySets[0]?.keys[0]?.salt).toBe("LAB.TESThosttyped.lab.test");
  });

  it("resolves nested, primary and builtin groups", () => {
    directory.createGroup({ name: "Operators" });
    directory.createGroup({ name: "Everyone Who Operates", scope: "universal" });
    directory.addMember("Operators", "alice");
    directory.addMember("Everyone Who Operates", "Operators");
    directory.addMember("Hyper-V Administrators", "Everyone Who Operates");
    const names = directory.groupsOf(alice).map((group) => group.samAccountName);
    expect(names.sort()).toEqual([
      "Domain Users",
      "Everyone Who Operates",
      "Hyper-V Administrators",
      "Operators",
      "Users",
    ]);
    directory.removeMember("Everyone Who Operates", "Operators");
    expect(directory.groupsOf(alice).map((group) => group.samAccountName)).not.toContain(
      "Hyper-V Administrators",
    );
  });

  it("keeps old keys when the password changes", () => {
    directory.setPassword("alice", "Another1!");
    const changed = directory.bySam("alice");
    expect(changed?.keySets.map((set) => set.kvno)).toEqual([2, 1]);
    expect(changed?.kvno).toBe(2);
  });

  it("refuses a second owner of a service name", () => {
    expect(() => directory.createComputer({ name: "KVM02", spns: ["host/KVM01"] })).toThrow(
      /belongs to CN=KVM01/,
    );
  });
});
