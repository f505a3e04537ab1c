import { MemoryDirectory } from "@waybill/directory";
import { describe, expect, it } from "vitest";
import { activeDirectory, s4u2selfForwardable, samba417, subjectOf } from "../../src/policy/index.ts";

// windows-facts 4.3, from MS-SFU 3.2.5.1.2 and what Samba's s4u_tests say Windows does; Samba's column as measured
// on Debian 12 (a1 to a6).
const directory = new MemoryDirectory({ realm: "LAB.TEST" });
directory.createUser({ name: "alice" });
directory.createUser({ name: "sens", sensitive: true });
directory.createUser({ name: "prot", protected: true });
directory.createComputer({ name: "KVM01" });
directory.createComputer({ name: "KVM03" });
directory.createComputer({ name: "KVM04" });
directory.createComputer({ name: "KVM05" });
directory.setDelegation("KVM01", { to: ["cifs/kvm02.lab.test"] });
directory.setDelegation("KVM03", { to: ["cifs/kvm02.lab.test"], protocol: "any" });
directory.setDelegation("KVM05", { protocol: "any" });

function decide(
  service: string,
  user: string,
  profile = activeDirectory,
  asked = { forwardableRequested: true, serviceTgtForwardable: true },
) {
  return s4u2selfForwardable({
    domain: directory.domain,
    krbtgt: directory.krbtgt,
    service: directory.byName(service)!,
    user: subjectOf(directory, directory.bySam(user)!),
    profile,
    ...asked,
  });
}

describe("table A: is the S4U2Self ticket forwardable?", () => {
  it.each([
    ["trusted, list non-empty, normal user", "KVM03", "alice", true, []],
    ["trusted, list empty, normal user", "KVM05", "alice", true, []],
    ["trusted, sensitive user", "KVM03", "sens", false, ["user-sensitive"]],
    ["trusted, Protected User", "KVM03", "prot", false, ["user-protected"]],
    ["not trusted, list non-empty, normal user", "KVM01", "alice", false, ["kerberos-only"]],
    ["not trusted, list empty, normal user", "KVM04", "alice", true, []],
    ["not trusted, list empty, sensitive user", "KVM04", "sens", false, ["user-sensitive"]],
    ["not trusted, list empty, Protected User", "KVM04", "prot", false, ["user-protected"]],
    [
      "not trusted, list non-empty, sensitive user",
      "KVM01",
      "sens",
      false,
      ["kerberos-only", "user-sensitive"],
    ],
  ])("Active Directory: %s", (_row, service, user, forwardable, ids) => {
    const decision = decide(service, user);
    expect(decision.forwardable).toBe(forwardable);
    expect(decision.reasons.map((reason) => reason.id)).toEqual(ids);
    expect(decision.uncertain).toEqual([]);
  });

  it.each([
    ["a1 KVM03 alice", "KVM03", "alice", true, []],
    ["a2 KVM01 alice", "KVM01", "alice", false, ["kerberos-only"]],
    ["a3 KVM04 alice", "KVM04", "alice", false, ["not-trusted-to-authenticate"]],
    ["a4 KVM05 alice", "KVM05", "alice", true, []],
    ["a5 KVM03 sens", "KVM03", "sens", false, ["user-sensitive"]],
    ["a6 KVM03 prot", "KVM03", "prot", true, []],
  ])("Samba 4.17: %s", (_row, service, user, forwardable, ids) => {
    const decision = decide(service, user, samba417);
    expect(decision.forwardable).toBe(forwardable);
    expect(decision.reasons.map((reason) => reason.id)).toEqual(ids);
  });

  it("never without asking, nor with a TGT that is not forwardable", () => {
    const notAsked = decide("KVM03", "alice", activeDirectory, {
      forwardableRequested: false,
      serviceTgtForwardable: true,
    });
    expect(notAsked.reasons.map((reason) => reason.id)).toEqual(["forwardable-not-requested"]);
    const weakTgt = decide("KVM03", "alice", activeDirectory, {
      forwardableRequested: true,
      serviceTgtForwardable: false,
    });
    expect(weakTgt.reasons.map((reason) => reason.id)).toEqual(["service-tgt-not-forwardable"]);
  });

  it("names the attribute behind the seed's failure and the changes that lift it", () => {
    const [reason] = decide("KVM01", "alice").reasons;
    expect(reason).toMatchObject({
      id: "kerberos-only",
      fact: { account: "KVM01$", attribute: "userAccountControl" },
      lifts: [
        { kind: "ask-differently" },
        { kind: "set-flag", account: "KVM01$", flag: "trustedToAuthForDelegation" },
        { kind: "clear-attribute", attribute: "msDS-AllowedToDelegateTo" },
      ],
    });
  });

  it("ends all delegation when krbtgt is marked sensitive", () => {
    const broken = new MemoryDirectory({ realm: "LAB.TEST" });
    broken.setFlags("krbtgt", { notDelegated: true });
    broken.createUser({ name: "alice" });
    broken.createComputer({ name: "KVM03", flags: ["trustedToAuthForDelegation"] });
    const decision = s4u2selfForwardable({
      domain: broken.domain,
      krbtgt: broken.krbtgt,
      service: broken.byName("KVM03")!,
      user: subjectOf(broken, broken.bySam("alice")!),
      forwardableRequested: true,
      serviceTgtForwardable: true,
    });
    expect(decision).toMatchObject({ forwardable: false, reasons: [{ id: "krbtgt-sensitive" }] });
  });

  it("leaves Protected Users alone below functional level 2012 R2", () => {
    const old = new MemoryDirectory({ realm: "LAB.TEST", functionalLevel: 5 });
    old.createUser({ name: "prot", protected: true });
    old.createComputer({ name: "KVM04" });
    const decision = s4u2selfForwardable({
      domain: old.domain,
      krbtgt: old.krbtgt,
      service: old.byName("KVM04")!,
      user: subjectOf(old, old.bySam("prot")!),
      forwardableRequested: true,
      serviceTgtForwardable: true,
    });
    expect(decision.forwardable).toBe(true);
  });

  it("says what it could not read instead of assuming it empty", () => {
    const service = { ...directory.byName("KVM04")!, unreadable: new Set(["msds-allowedtodelegateto"]) };
    const decision = s4u2selfForwardable({
      domain: directory.domain,
      krbtgt: directory.krbtgt,
      service,
      user: subjectOf(directory, directory.bySam("alice")!),
      forwardableRequested: true,
      serviceTgtForwardable: true,
    });
    expect(decision.uncertain).toMatchObject([{ account: "KVM04$", attribute: "msDS-AllowedToDelegateTo" }]);
  });
});
