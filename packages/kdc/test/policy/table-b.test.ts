import { type Account, MemoryDirectory } from "@waybill/directory";
import { ErrorCode, NtStatus } from "@waybill/kerberos";
import { describe, expect, it } from "vitest";
import {
  activeDirectory,
  evidenceDecision,
  type KdcProfile,
  type S4u2proxyDecision,
  s4u2proxyDecision,
  subjectOf,
} from "../../src/policy/index.ts";

// windows-facts 4.4: MS-SFU 3.2.5.2, with status codes as Samba's s4u_tests record them from Windows.
const target = "cifs/kvm02.lab.test";
const { KDC_ERR_BADOPTION } = ErrorCode;
const { STATUS_ACCOUNT_RESTRICTION, STATUS_NO_MATCH, STATUS_NOT_FOUND, STATUS_NOT_SUPPORTED } = NtStatus;

interface Row {
  list: "target" | "other" | "empty";
  rbcdAsked: boolean;
  granted?: boolean | "absent";
  forwardable: boolean;
  s4u2self?: boolean;
  user?: string;
  profile?: KdcProfile;
}

function decide(row: Row): S4u2proxyDecision {
  const directory = new MemoryDirectory({ realm: "LAB.TEST" });
  directory.createUser({ name: "alice" });
  directory.createUser({ name: "sens", sensitive: true });
  directory.createComputer({ name: "KVM01" });
  directory.createComputer({ name: "OTHER" });
  directory.createComputer({ name: "KVM02" });
  const lists = { target: [target.toUpperCase()], other: ["http/elsewhere"], empty: [] };
  directory.setDelegation("KVM01", { to: lists[row.list] });
  if (row.granted !== undefined && row.granted !== "absent") {
    directory.setDelegation("KVM02", { from: [row.granted ? "KVM01" : "OTHER"] });
  }
  const service = directory.byName("KVM01") as Account;
  return s4u2proxyDecision({
    domain: directory.domain,
    krbtgt: directory.krbtgt,
    service,
    serviceToken: directory.tokenSids(service),
    target: directory.byName("KVM02") as Account,
    targetSpn: target,
    evidence: { forwardable: row.forwardable, s4u2self: row.s4u2self ?? false },
    resourceBasedRequested: row.rbcdAsked,
    user: subjectOf(directory, directory.bySam(row.user ?? "alice") as Account),
    profile: row.profile ?? activeDirectory,
  });
}

describe("table B: S4U2Proxy", () => {
  it.each([
    [{ list: "target", rbcdAsked: false, forwardable: true }],
    [{ list: "target", rbcdAsked: true, granted: "absent", forwardable: true }],
    [{ list: "target", rbcdAsked: true, granted: true, forwardable: true }],
  ] satisfies [Row][])("listed, forwardable: allowed by the list %o", (row) => {
    expect(decide(row)).toEqual({ allowed: true, via: "classic", uncertain: [] });
  });

  it("listed, not asked for resource-based, not forwardable: BADOPTION, ACCOUNT_RESTRICTION as Windows", () => {
    expect(decide({ list: "target", rbcdAsked: false, forwardable: false })).toMatchObject({
      allowed: false,
      errorCode: KDC_ERR_BADOPTION,
      ntStatus: STATUS_ACCOUNT_RESTRICTION,
      reasons: [{ id: "evidence-not-forwardable" }],
    });
  });

  it.each(["absent", false] as const)(
    "listed, asked, grant %s, not forwardable: BADOPTION, ACCOUNT_RESTRICTION",
    (granted) => {
      expect(decide({ list: "target", rbcdAsked: true, granted, forwardable: false })).toMatchObject({
        errorCode: KDC_ERR_BADOPTION,
        ntStatus: STATUS_ACCOUNT_RESTRICTION,
      });
    },
  );

  it.each([true, false])("list empty, not asked, forwardable %s: BADOPTION, NOT_SUPPORTED", (forwardable) => {
    expect(decide({ list: "empty", rbcdAsked: false, granted: true, forwardable })).toMatchObject({
      errorCode: KDC_ERR_BADOPTION,
      ntStatus: STATUS_NOT_SUPPORTED,
      reasons: [
        { id: "delegation-not-configured", lifts: [{ kind: "add-value", value: target }] },
        ...(forwardable ? [] : [{}]),
      ],
    });
  });

  it.each([true, false])("list of others, not asked, forwardable %s: BADOPTION, NO_MATCH", (forwardable) => {
    const decision = decide({ list: "other", rbcdAsked: false, granted: true, forwardable });
    expect(decision).toMatchObject({ errorCode: KDC_ERR_BADOPTION, ntStatus: STATUS_NO_MATCH });
    expect(!decision.allowed && decision.reasons[0].id).toBe("target-not-listed");
  });

  it.each([
    ["other", "absent", "resource-grants-nobody"],
    ["other", false, "resource-does-not-grant"],
    ["empty", "absent", "resource-grants-nobody"],
    ["empty", false, "resource-does-not-grant"],
  ] as const)("list %s, asked, grant %s: BADOPTION, NOT_FOUND", (list, granted, id) => {
    for (const forwardable of [true, false]) {
      const decision = decide({ list, rbcdAsked: true, granted, forwardable });
      expect(decision).toMatchObject({ errorCode: KDC_ERR_BADOPTION, ntStatus: STATUS_NOT_FOUND });
      expect(!decision.allowed && decision.reasons[0].id).toBe(id);
    }
  });

  it.each(["empty", "other"] as const)(
    "list %s, asked, granted, forwardable: allowed by the resource",
    (list) => {
      expect(decide({ list, rbcdAsked: true, granted: true, forwardable: true })).toMatchObject({
        allowed: true,
        via: "resource-based",
      });
    },
  );

  it.each(["empty", "other", "target"] as const)(
    "list %s, asked, granted, not forwardable: BADOPTION, ACCOUNT_RESTRICTION",
    (list) => {
      expect(
        decide({ list, rbcdAsked: true, granted: true, forwardable: false, s4u2self: true }),
      ).toMatchObject({
        errorCode: KDC_ERR_BADOPTION,
        ntStatus: STATUS_ACCOUNT_RESTRICTION,
      });
    },
  );

  it("NonForwardableDelegation=1 accepts S4U2Self tickets of users who are not sensitive, and no others", () => {
    const profile = { ...activeDirectory, nonForwardableDelegation: true };
    const row = { list: "empty", rbcdAsked: true, granted: true, forwardable: false, profile } as const;
    expect(decide({ ...row, s4u2self: true })).toMatchObject({ allowed: true, via: "resource-based" });
    expect(decide({ ...row, s4u2self: false })).toMatchObject({
      allowed: false,
      ntStatus: STATUS_ACCOUNT_RESTRICTION,
    });
    expect(decide({ ...row, s4u2self: true, user: "sens" })).toMatchObject({
      allowed: false,
      reasons: [{ id: "evidence-not-forwardable" }, { id: "user-sensitive" }],
    });
  });

  it("a forged flag: KRB_AP_ERR_MODIFIED, with the classic status when resource-based was asked", () => {
    const directory = new MemoryDirectory({ realm: "LAB.TEST" });
    const service = directory.createComputer({ name: "KVM01" });
    const forged = {
      service,
      targetSpn: target,
      forService: true,
      pac: "present",
      pacSignatures: "valid",
      ticketSignature: "invalid",
    } as const;
    expect(evidenceDecision({ ...forged, resourceBasedRequested: false })).toMatchObject({
      errorCode: ErrorCode.KRB_AP_ERR_MODIFIED,
      reasons: [{ id: "evidence-forged" }],
    });
    expect(evidenceDecision({ ...forged, resourceBasedRequested: true })).toMatchObject({
      errorCode: ErrorCode.KRB_AP_ERR_MODIFIED,
      ntStatus: STATUS_NOT_SUPPORTED,
    });
    expect(evidenceDecision({ ...forged, ticketSignature: "valid", resourceBasedRequested: true })).toEqual({
      allowed: true,
    });
  });

  it("never a ticket to krbtgt", () => {
    const directory = new MemoryDirectory({ realm: "LAB.TEST" });
    const service = directory.createComputer({ name: "KVM01" });
    const decision = s4u2proxyDecision({
      domain: directory.domain,
      service,
      serviceToken: [],
      target: directory.krbtgt,
      targetSpn: "krbtgt/LAB.TEST",
      evidence: { forwardable: true, s4u2self: false },
      resourceBasedRequested: false,
    });
    expect(decision).toMatchObject({
      errorCode: ErrorCode.KDC_ERR_POLICY,
      reasons: [{ id: "target-is-krbtgt" }],
    });
  });
});
