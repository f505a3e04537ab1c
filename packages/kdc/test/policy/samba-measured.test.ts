import { type Account, MemoryDirectory } from "@waybill/directory";
import { ErrorCode } from "@waybill/kerberos";
import { describe, expect, it } from "vitest";
import {
  asClientDecision,
  asTicketFlags,
  evidenceDecision,
  s4u2proxyClientDecision,
  s4u2proxyDecision,
  s4u2selfClientDecision,
  s4u2selfForwardable,
  samba417,
  serviceDecision,
  subjectOf,
} from "../../src/policy/index.ts";

// Rows of the S4U table measured against Samba 4.17.12 on Debian 12; the flavour must predict every one.
const migration = "Microsoft Virtual System Migration Service/kvm02.lab.test";
const escaped = String.raw`Microsoft\ Virtual\ System\ Migration\ Service/kvm02.lab.test`;
const now = Date.UTC(2026, 10, 22);
const profile = samba417;
const forwardableBit = 0x40000000;
const proxiableBit = 0x10000000;

const clock = { now: () => now };
const directory = new MemoryDirectory({ realm: "LAB.TEST", functionalLevel: 4, clock });
const user = (name: string, more = {}): Account =>
  directory.createUser({ name, password: "Secret1!", ...more });
user("alice");
user("sens", { sensitive: true });
user("prot", { protected: true });
user("disab", { disabled: true });
user("mustchg", { mustChangePassword: true });
user("expd", { accountExpires: now - 1 });
for (const name of ["KVM01", "KVM03", "KVM04", "KVM05", "KVM06", "KVM07"]) directory.createComputer({ name });
directory.createComputer({ name: "KVM02", migration: true });
directory.addSpn("KVM02", escaped);
const list = [migration, escaped, "cifs/kvm02.lab.test"];
directory.setDelegation("KVM01", { to: list });
directory.setDelegation("KVM03", { to: list, protocol: "any" });
directory.setDelegation("KVM05", { protocol: "any" });
directory.setDelegation("KVM07", { from: ["KVM06"] });

/** Error code 0 for a ticket, as a client would see it. */
function selfAndProxy(service: string, name: string, spn = migration): { code: number; reason?: string } {
  const account = directory.bySam(name);
  if (account === undefined) return { code: ErrorCode.KDC_ERR_C_PRINCIPAL_UNKNOWN };
  const standing = s4u2selfClientDecision({ domain: directory.domain, account, now, profile });
  if (!standing.allowed) return { code: standing.errorCode, reason: standing.reasons[0].id };
  const self = s4u2selfForwardable({
    domain: directory.domain,
    krbtgt: directory.krbtgt,
    service: directory.byName(service)!,
    user: subjectOf(directory, account),
    forwardableRequested: true,
    serviceTgtForwardable: true,
    profile,
  });
  return proxy(service, name, spn, self.forwardable, true);
}

function ownTicket(service: string, name: string, spn = migration): { code: number; reason?: string } {
  const client = subjectOf(directory, directory.bySam(name)!);
  const flags = asTicketFlags({
    domain: directory.domain,
    krbtgt: directory.krbtgt,
    client,
    server: directory.krbtgt,
    options: forwardableBit,
    profile,
  });
  return proxy(service, name, spn, flags.allowed && (flags.flags & forwardableBit) !== 0, false);
}

function proxy(service: string, name: string, spn: string, forwardable: boolean, s4u2self: boolean) {
  const account = directory.bySam(name)!;
  const target = serviceDecision(directory, spn, profile);
  if (!target.allowed) return { code: target.errorCode, reason: target.reasons[0].id };
  const decision = s4u2proxyDecision({
    domain: directory.domain,
    service: directory.byName(service)!,
    serviceToken: directory.tokenSids(directory.byName(service)!),
    target: target.account,
    targetSpn: spn,
    evidence: { forwardable, s4u2self },
    resourceBasedRequested: true,
    user: subjectOf(directory, account),
    krbtgt: directory.krbtgt,
    profile,
  });
  if (!decision.allowed) {
    expect(decision.ntStatus).toBeUndefined();
    return { code: decision.errorCode, reason: decision.reasons[0].id };
  }
  const client = s4u2proxyClientDecision({ domain: directory.domain, account, now, profile });
  return client.allowed ? { code: 0 } : { code: client.errorCode, reason: client.reasons[0].id };
}

describe("Samba 4.17, S4U2Self and S4U2Proxy", () => {
  it.each([
    ["b1", "KVM03", "alice", migration, 0, undefined],
    ["b1 CIFS/KVM02.lab.TEST", "KVM03", "alice", "CIFS/KVM02.lab.TEST", 0, undefined],
    ["b2", "KVM01", "alice", migration, 13, "evidence-not-forwardable"],
    ["b3", "KVM04", "alice", migration, 13, "evidence-not-forwardable"],
    ["b4", "KVM05", "alice", migration, 13, "delegation-not-configured"],
    ["d1", "KVM03", "sens", migration, 13, "evidence-not-forwardable"],
    ["e1", "KVM03", "prot", migration, 0, undefined],
    ["f1", "KVM03", "alice", "WSMAN/kvm02", 13, "target-not-listed"],
    ["f3 host is not covered by cifs", "KVM03", "alice", "host/kvm02.lab.test", 13, "target-not-listed"],
    ["f4", "KVM03", "alice", "cifs/kvm04", 13, "target-not-listed"],
    ["f5", "KVM03", "alice", "cifs/nosuch", 7, "service-unknown"],
    ["g", "KVM03", "nobody", migration, 6, undefined],
    ["h1", "KVM03", "disab", migration, 12, "client-disabled"],
    ["j1", "KVM03", "mustchg", migration, 23, "client-must-change-password"],
    ["j2", "KVM03", "expd", migration, 1, "client-expired"],
    ["r1", "KVM06", "alice", "cifs/kvm07", 13, "evidence-not-forwardable"],
  ])("%s: %s for %s to %s", (_row, service, name, spn, code, reason) => {
    expect(selfAndProxy(service, name, spn)).toEqual(reason === undefined ? { code } : { code, reason });
  });

  it.each([
    ["c1", "KVM01", "alice", migration, 0, undefined],
    ["c2", "KVM04", "alice", migration, 13, "delegation-not-configured"],
    ["c3", "KVM03", "alice", migration, 0, undefined],
    ["d2", "KVM01", "sens", migration, 13, "evidence-not-forwardable"],
    ["e2", "KVM01", "prot", migration, 13, "evidence-not-forwardable"],
    ["f2", "KVM01", "alice", "WSMAN/kvm02", 13, "target-not-listed"],
    ["h3 disabled after signing in", "KVM01", "disab", migration, 12, "client-disabled"],
    ["j3", "KVM01", "mustchg", migration, 23, "client-must-change-password"],
    ["r2", "KVM06", "alice", "cifs/kvm07", 13, "delegation-not-configured"],
  ])("%s: %s with the own ticket of %s to %s", (_row, service, name, spn, code, reason) => {
    expect(ownTicket(service, name, spn)).toEqual(reason === undefined ? { code } : { code, reason });
  });

  it("i1: a forged forwardable flag is 31", () => {
    expect(
      evidenceDecision({
        service: directory.byName("KVM01")!,
        targetSpn: migration,
        resourceBasedRequested: true,
        forService: true,
        pac: "present",
        pacSignatures: "valid",
        ticketSignature: "invalid",
        profile,
      }),
    ).toMatchObject({ errorCode: 31, ntStatus: undefined });
  });

  it.each([
    ["disab", 18, 0xc0000072],
    ["expd", 18, 0xc0000193],
    ["mustchg", 23, 0xc0000224],
  ])("AS %s: %i, NTSTATUS %#", (name, errorCode, ntStatus) => {
    const account = directory.bySam(name)!;
    expect(asClientDecision({ domain: directory.domain, account, now, profile })).toMatchObject({
      errorCode,
      ntStatus,
    });
  });

  it("AS prot asking for a proxiable ticket: 12", () => {
    const decision = asTicketFlags({
      domain: directory.domain,
      krbtgt: directory.krbtgt,
      client: subjectOf(directory, directory.bySam("prot")!),
      server: directory.krbtgt,
      options: proxiableBit,
      profile,
    });
    expect(decision).toMatchObject({ allowed: false, errorCode: ErrorCode.KDC_ERR_POLICY });
  });
});

describe("Samba 4.17, service names with spaces", () => {
  const spaces = new MemoryDirectory({ realm: "LAB.TEST" });
  spaces.createUser({ name: "alice" });
  spaces.createComputer({ name: "KVM03", flags: ["trustedToAuthForDelegation"] });
  spaces.createComputer({ name: "KVM02", migration: true });
  const decide = (spns: string[], entries: string[]) => {
    spaces.removeSpn("KVM02", escaped);
    spaces.addSpn("KVM02", ...spns);
    spaces.setDelegation("KVM03", { to: entries });
    const target = serviceDecision(spaces, migration, profile);
    if (!target.allowed) return [target.errorCode, target.reasons[0].id];
    const decision = s4u2proxyDecision({
      domain: spaces.domain,
      service: spaces.byName("KVM03")!,
      serviceToken: [],
      target: target.account,
      targetSpn: migration,
      evidence: { forwardable: true, s4u2self: true },
      resourceBasedRequested: true,
      profile,
    });
    return decision.allowed ? [0] : [decision.errorCode, decision.reasons[0].id];
  };

  it.each([
    ["name plain, list both", [], [migration, escaped], [7, "service-name-escaped"]],
    ["name both, list plain", [escaped], [migration], [13, "list-spelling-escaped"]],
    ["name both, list escaped", [escaped], [escaped], [0]],
    ["name both, list both", [escaped], [migration, escaped], [0]],
  ])("%s", (_row, spns, entries, expected) => {
    expect(decide(spns, entries)).toEqual(expected);
  });

  it("Active Directory finds the plain name", () => {
    expect(serviceDecision(spaces, migration)).toMatchObject({ allowed: true, match: "registered" });
  });
});
