import { describe, expect, it } from "vitest";
import { type AccessPolicy, Authorizer, isServiceOf } from "../src/authorization/authorizer.ts";
import { assertedBy, type Caller } from "../src/authorization/caller.ts";

const group = "S-1-5-21-1-2-3-1105";
const caller = (changes: Partial<Caller> = {}): Caller => ({
  principal: "alice@LAB.TEST",
  sids: new Set(["S-1-5-21-1-2-3-1104", group]),
  assertedBy: "authentication-authority",
  transitedServices: ["KVM01$@LAB.TEST"],
  ...changes,
});
const policy = (changes: Partial<AccessPolicy> = {}): AccessPolicy => ({
  rules: [{ who: ["Hyper-V Administrators"], may: ["list", "accept"], vms: ["web*"] }],
  groups: { "Hyper-V Administrators": [group] },
  requireProofOfIdentity: false,
  ...changes,
});

describe("rights", () => {
  const authorizer = new Authorizer("kvm02.lab.test", policy());

  it("are granted by group, per action and per VM", () => {
    expect(authorizer.allows(caller(), "accept", "web01")).toBe(true);
    expect(authorizer.allows(caller(), "accept", "db01")).toBe(false);
    expect(authorizer.allows(caller(), "define", "web01")).toBe(false);
  });

  it("are denied by default, with code, right and remedy", () => {
    const nobody = caller({ sids: new Set(["S-1-5-11"]) });
    expect(() => authorizer.demand(nobody, "accept", "web01")).toThrow(
      expect.objectContaining({
        code: "ACCESS_DENIED",
        hresult: 0x80070005,
        remedy: expect.stringContaining("Hyper-V Administrators"),
      }),
    );
    expect(() => new Authorizer("h", policy({ rules: [] })).demand(caller(), "list")).toThrow(
      "does not have the right",
    );
  });

  it("a name that is no group matches nobody", () => {
    const stray = new Authorizer("h", policy({ rules: [{ who: ["Nobody Knows"], may: ["list"] }] }));
    expect(stray.allows(caller(), "list")).toBe(false);
  });
});

describe("provenance", () => {
  it("the delegating host must be the connecting host", () => {
    const authorizer = new Authorizer("kvm02.lab.test", policy());
    expect(() => authorizer.demandProvenance(caller(), "kvm01.lab.test")).not.toThrow();
    expect(() => authorizer.demandProvenance(caller(), "kvm03.lab.test")).toThrow(
      "delegated to KVM01$@LAB.TEST",
    );
    expect(() => authorizer.demandProvenance(caller({ transitedServices: [] }), "kvm01.lab.test")).toThrow(
      "not delegated",
    );
  });

  it("require-proof-of-identity refuses S-1-18-2", () => {
    const strict = new Authorizer("kvm02.lab.test", policy({ requireProofOfIdentity: true }));
    expect(() => strict.demandProvenance(caller({ assertedBy: "service" }), "kvm01.lab.test")).toThrow(
      "S-1-18-2",
    );
    expect(() => strict.demandProvenance(caller(), "kvm01.lab.test")).not.toThrow();
  });

  it("only listed hosts may delegate, where there is a list", () => {
    const listed = new Authorizer("kvm02.lab.test", policy({ delegatingHosts: ["kvm09.lab.test"] }));
    expect(() => listed.demandProvenance(caller(), "kvm01.lab.test")).toThrow("not among the hosts");
  });

  it("reads a PAC with both asserted-identity SIDs as the weaker one", () => {
    expect(assertedBy(new Set(["S-1-18-1", "S-1-18-2"]))).toBe("service");
    expect(assertedBy(new Set([]))).toBe("unknown");
  });

  it("recognizes a host by account or service name, never by prefix", () => {
    expect(isServiceOf("WSMAN/kvm01.lab.test@LAB.TEST", "KVM01.lab.test")).toBe(true);
    expect(isServiceOf("KVM011$@LAB.TEST", "kvm01.lab.test")).toBe(false);
  });
});
