import { type Account, type DelegationSettings, MemoryDirectory } from "@waybill/directory";
import { NtStatus } from "@waybill/kerberos";
import { describe, expect, it } from "vitest";
import { asTicketFlags, s4u2proxyDecision, s4u2selfForwardable, subjectOf } from "../../src/policy/index.ts";

// windows-facts 4.5: HV1 → HV2, started remotely (S4U2Self) or with the person's own ticket as evidence.
const target = "Microsoft Virtual System Migration Service/hv2.lab.test";
const forwardable = 0x40000000;

function migrate(hv1: DelegationSettings, grant: boolean, user: Record<string, boolean>) {
  const directory = new MemoryDirectory({ realm: "LAB.TEST" });
  directory.createUser({ name: "alice", ...user });
  directory.createComputer({ name: "HV1", migration: true });
  directory.createComputer({ name: "HV2", migration: true });
  directory.setDelegation("HV1", hv1);
  if (grant) directory.setDelegation("HV2", { from: ["HV1"] });
  const service = directory.byName("HV1") as Account;
  const client = subjectOf(directory, directory.bySam("alice") as Account);
  const { domain, krbtgt } = directory;
  const proxy = (isForwardable: boolean, s4u2self: boolean) =>
    s4u2proxyDecision({
      domain,
      krbtgt,
      service,
      serviceToken: directory.tokenSids(service),
      target: directory.bySpn(target) as Account,
      targetSpn: target,
      evidence: { forwardable: isForwardable, s4u2self },
      resourceBasedRequested: true,
      user: client,
    });
  const self = s4u2selfForwardable({
    domain,
    krbtgt,
    service,
    user: client,
    forwardableRequested: true,
    serviceTgtForwardable: true,
  });
  const signIn = asTicketFlags({ domain, krbtgt, client, server: krbtgt, options: forwardable });
  const own = signIn.allowed && (signIn.flags & forwardable) !== 0;
  return { remote: proxy(self.forwardable, true), direct: proxy(own, false) };
}

describe("live migration from HV1 to HV2", () => {
  it("classic, Kerberos only: fails remotely (the seed), works with the person's own ticket", () => {
    const { remote, direct } = migrate({ to: [target] }, false, {});
    expect(remote).toMatchObject({ allowed: false, reasons: [{ id: "evidence-not-forwardable" }] });
    expect(direct).toMatchObject({ allowed: true, via: "classic" });
  });

  it("classic, any protocol: works both ways", () => {
    const { remote, direct } = migrate({ to: [target], protocol: "any" }, false, {});
    expect([remote.allowed, direct.allowed]).toEqual([true, true]);
  });

  it.each([{ sensitive: true }, { protected: true }])("classic, %o user: fails both ways", (user) => {
    for (const protocol of ["kerberos", "any"] as const) {
      const { remote, direct } = migrate({ to: [target], protocol }, false, user);
      expect([remote.allowed, direct.allowed]).toEqual([false, false]);
    }
  });

  it("resource-based with an empty list: works both ways", () => {
    const { remote, direct } = migrate({}, true, {});
    expect([remote, direct]).toMatchObject([{ via: "resource-based" }, { via: "resource-based" }]);
  });

  it.each([[target], ["cifs/fileserver"]])(
    "resource-based and one entry %s without the flag: fails remotely",
    (entry) => {
      const { remote, direct } = migrate({ to: [entry] }, true, {});
      expect(remote).toMatchObject({ allowed: false, ntStatus: NtStatus.STATUS_ACCOUNT_RESTRICTION });
      expect(direct.allowed).toBe(true);
    },
  );

  it.each([{ sensitive: true }, { protected: true }])("resource-based, %o user: fails both ways", (user) => {
    const { remote, direct } = migrate({}, true, user);
    expect([remote.allowed, direct.allowed]).toEqual([false, false]);
  });

  it("nothing configured: NOT_FOUND both ways", () => {
    const { remote, direct } = migrate({}, false, {});
    expect([remote, direct]).toMatchObject([
      { ntStatus: NtStatus.STATUS_NOT_FOUND },
      { ntStatus: NtStatus.STATUS_NOT_FOUND },
    ]);
  });
});
