import { MemoryDirectory } from "@waybill/directory";
import { EncType, ErrorCode, NtStatus, SupportedEncTypes } from "@waybill/kerberos";
import { describe, expect, it } from "vitest";
import {
  asClientDecision,
  asTicketFlags,
  clientEncTypes,
  s4u2selfClientDecision,
  s4u2selfTargetDecision,
  s4u2selfUserDecision,
  serviceDecision,
  serviceEncTypes,
  subjectOf,
  tgsClientDecision,
  tgsTicketFlags,
  tgtLifetimes,
} from "../../src/policy/index.ts";

const now = Date.UTC(2026, 10, 22);
const day = 86_400_000;
const hour = 3_600_000;
const { aes128CtsHmacSha1, aes256CtsHmacSha1, rc4Hmac } = EncType;

function domain() {
  return new MemoryDirectory({
    realm: "LAB.TEST",
    clock: { now: () => now },
    lockout: { threshold: 5, duration: hour },
  });
}

describe("accounts in AS exchanges (MS-KILE 3.3.5.6.3)", () => {
  const directory = domain();
  const filetime = (moment: number) => String((BigInt(moment) + 11644473600000n) * 10000n);
  directory.createUser({ name: "fine", password: "x" });
  directory.createUser({ name: "disabled", password: "x", disabled: true });
  directory.createUser({ name: "expired", password: "x", accountExpires: now - 1 });
  directory.createUser({ name: "mustchange", password: "x", mustChangePassword: true });
  directory.createUser({ name: "old", password: "x", attributes: { pwdLastSet: filetime(now - 43 * day) } });
  directory.createUser({
    name: "locked",
    password: "x",
    attributes: { lockoutTime: filetime(now - hour / 2) },
  });
  directory.createUser({
    name: "waslocked",
    password: "x",
    attributes: { lockoutTime: filetime(now - 2 * hour) },
  });
  directory.createUser({ name: "card", password: "x", flags: ["smartcardRequired"] });
  const decide = (name: string, change = false) =>
    asClientDecision({ domain: directory.domain, account: directory.bySam(name)!, now }, change);

  it.each([
    ["disabled", ErrorCode.KDC_ERR_CLIENT_REVOKED, NtStatus.STATUS_ACCOUNT_DISABLED, "client-disabled"],
    ["expired", ErrorCode.KDC_ERR_CLIENT_REVOKED, NtStatus.STATUS_ACCOUNT_EXPIRED, "client-expired"],
    ["locked", ErrorCode.KDC_ERR_CLIENT_REVOKED, NtStatus.STATUS_ACCOUNT_LOCKED_OUT, "client-locked"],
    [
      "mustchange",
      ErrorCode.KDC_ERR_KEY_EXPIRED,
      NtStatus.STATUS_PASSWORD_MUST_CHANGE,
      "client-must-change-password",
    ],
    ["old", ErrorCode.KDC_ERR_KEY_EXPIRED, NtStatus.STATUS_PASSWORD_EXPIRED, "client-password-expired"],
    ["card", ErrorCode.KDC_ERR_POLICY, NtStatus.STATUS_SMARTCARD_LOGON_REQUIRED, "client-smartcard-required"],
    ["krbtgt", ErrorCode.KDC_ERR_C_PRINCIPAL_UNKNOWN, undefined, "client-is-krbtgt"],
  ])("%s", (name, errorCode, ntStatus, id) => {
    expect(decide(name)).toMatchObject({ allowed: false, errorCode, ntStatus, reasons: [{ id }] });
  });

  it("lets others in, and those with an old password change it", () => {
    expect(decide("fine").allowed).toBe(true);
    expect(decide("waslocked").allowed).toBe(true);
    expect(decide("old", true).allowed).toBe(true);
    expect(decide("mustchange", true).allowed).toBe(true);
    expect(decide("disabled", true).allowed).toBe(false);
  });

  it("looks at account state but not at the password's age for S4U2Self", () => {
    const facts = (name: string) => ({ domain: directory.domain, account: directory.bySam(name)!, now });
    expect(s4u2selfClientDecision(facts("mustchange")).allowed).toBe(true);
    expect(s4u2selfClientDecision(facts("disabled"))).toMatchObject({
      errorCode: ErrorCode.KDC_ERR_CLIENT_REVOKED,
    });
  });

  it("looks again at TGS clients once the TGT is older than twenty minutes", () => {
    const facts = { domain: directory.domain, account: directory.bySam("disabled")!, now };
    expect(tgsClientDecision({ ...facts, tgtAuthTime: now - 19 * 60_000 }).allowed).toBe(true);
    expect(tgsClientDecision({ ...facts, tgtAuthTime: now - 21 * 60_000 }).allowed).toBe(false);
  });
});

describe("Protected Users and flags", () => {
  const directory = domain();
  directory.createUser({ name: "prot", password: "x", protected: true, rc4: true });
  directory.createUser({ name: "alice", password: "x" });
  directory.createComputer({ name: "WEB", flags: ["trustedForDelegation"] });
  const facts = (name: string) => ({
    domain: directory.domain,
    krbtgt: directory.krbtgt,
    client: subjectOf(directory, directory.bySam(name)!),
    server: directory.krbtgt,
    options: 0x50800000,
  });

  it("get four hours, neither forwardable nor proxiable, and no RC4", () => {
    const { client } = facts("prot");
    expect(tgtLifetimes(client, directory.domain)).toMatchObject({ ticket: 4 * hour, renewal: 4 * hour });
    const flags = asTicketFlags(facts("prot"));
    expect(flags).toMatchObject({
      flags: 0x00800000,
      withheld: [{ reasons: [{ id: "user-protected" }] }, {}],
    });
    expect(clientEncTypes(client, directory.domain, [rc4Hmac])).toMatchObject({
      errorCode: ErrorCode.KDC_ERR_ETYPE_NOSUPP,
      reasons: [{ id: "protected-user-rc4" }],
    });
  });

  it("others get what they ask for", () => {
    expect(asTicketFlags(facts("alice"))).toEqual({ allowed: true, flags: 0x50800000, withheld: [] });
    expect(tgtLifetimes(facts("alice").client, directory.domain)).toMatchObject({
      ticket: 10 * hour,
      renewal: 7 * day,
    });
  });

  it("service tickets of unconstrained services carry ok-as-delegate", () => {
    const server = directory.byName("WEB")!;
    const tgs = { krbtgt: directory.krbtgt, tgtFlags: 0x40000000, options: 0x40000000, server };
    expect(tgsTicketFlags(tgs)).toMatchObject({ flags: 0x40040000 });
    expect(tgsTicketFlags({ ...tgs, tgtFlags: 0 })).toMatchObject({
      flags: 0x00040000,
      withheld: [{ reasons: [{ id: "client-tgt-not-forwardable" }] }],
    });
    expect(tgsTicketFlags({ ...tgs, tgtFlags: 0, options: 0x20000000 })).toMatchObject({
      errorCode: ErrorCode.KDC_ERR_BADOPTION,
    });
  });
});

describe("encryption types with the defaults of 2026", () => {
  const directory = domain();
  const all = [aes256CtsHmacSha1, aes128CtsHmacSha1, rc4Hmac];
  directory.createUser({ name: "svc", password: "x", rc4: true, spns: ["http/svc"] });
  const service = (bits?: number) => ({ ...directory.bySam("svc")!, supportedEncryptionTypes: bits });

  it.each([
    ["nothing set: AES only", undefined, all, aes256CtsHmacSha1, aes256CtsHmacSha1],
    ["AES128 only", SupportedEncTypes.aes128CtsHmacSha1, all, aes128CtsHmacSha1, aes128CtsHmacSha1],
    ["RC4 named", SupportedEncTypes.rc4Hmac, all, rc4Hmac, rc4Hmac],
    ["RC4 named, AES session keys", 0x24, all, rc4Hmac, aes256CtsHmacSha1],
    ["an AES128 client", undefined, [aes128CtsHmacSha1], aes256CtsHmacSha1, aes128CtsHmacSha1],
    ["only feature bits set: the default holds", 0x50000, all, aes256CtsHmacSha1, aes256CtsHmacSha1],
  ])("%s", (_row, bits, requested, ticket, session) => {
    expect(serviceEncTypes(service(bits), directory.domain, requested)).toEqual({
      allowed: true,
      ticket,
      session,
    });
  });

  it("refuses an RC4 client and an account with nothing but RC4", () => {
    expect(serviceEncTypes(service(), directory.domain, [rc4Hmac])).toMatchObject({
      errorCode: ErrorCode.KDC_ERR_ETYPE_NOSUPP,
      reasons: [{ id: "no-common-encryption-type" }],
    });
    const [set] = service().keySets;
    const rc4Only = {
      ...service(),
      keySets: [{ ...set!, keys: set!.keys.filter((key) => key.keytype === rc4Hmac) }],
    };
    expect(serviceEncTypes(rc4Only, directory.domain, all)).toMatchObject({
      reasons: [{ id: "rc4-not-allowed" }],
    });
  });

  it("offers clients their keys in the order they ask, RC4 only when named", () => {
    const client = (bits?: number) => ({ account: service(bits), groupSids: [] });
    expect(clientEncTypes(client(), directory.domain, [rc4Hmac, 17, 18])).toEqual({
      allowed: true,
      etypes: [17, 18],
    });
    expect(clientEncTypes(client(28), directory.domain, [rc4Hmac, 17])).toEqual({
      allowed: true,
      etypes: [rc4Hmac, 17],
    });
    expect(clientEncTypes(client(), directory.domain, [rc4Hmac])).toMatchObject({
      reasons: [{ id: "rc4-not-allowed" }],
    });
  });
});

describe("names", () => {
  const directory = domain();
  const alice = directory.createUser({ name: "alice", upn: "a.smith@lab.test" });
  const one = directory.createComputer({ name: "ONE" });
  directory.createComputer({ name: "TWO" });
  const user = (name: string, more = {}) =>
    s4u2selfUserDecision(directory, {
      name,
      realm: "LAB.TEST",
      enterprise: false,
      certificate: false,
      ...more,
    });

  it("finds S4U2Self users by account name and by UPN", () => {
    expect(user("alice")).toMatchObject({ allowed: true, account: { sid: alice.sid } });
    expect(user("a.smith@lab.test", { enterprise: true })).toMatchObject({ account: { sid: alice.sid } });
    expect(user("ONE$")).toMatchObject({ account: { sid: one.sid } });
    expect(user("nobody")).toMatchObject({ errorCode: ErrorCode.KDC_ERR_C_PRINCIPAL_UNKNOWN });
    expect(user("alice", { realm: "OTHER.TEST" })).toMatchObject({ errorCode: ErrorCode.KDC_ERR_POLICY });
    expect(user("", { certificate: true })).toMatchObject({ reasons: [{ id: "s4u2self-certificate" }] });
  });

  it("gives S4U2Self tickets to oneself only", () => {
    expect(s4u2selfTargetDecision(one, directory.bySpn("host/one")).allowed).toBe(true);
    expect(s4u2selfTargetDecision(one, directory.bySpn("host/two"))).toMatchObject({
      errorCode: ErrorCode.KRB_AP_ERR_BADMATCH,
    });
  });

  it("refuses a service name with two owners and names them", () => {
    directory.setAttributes("TWO", { servicePrincipalName: ["host/one"] });
    expect(serviceDecision(directory, "cifs/one")).toMatchObject({
      errorCode: ErrorCode.KDC_ERR_S_PRINCIPAL_UNKNOWN,
      reasons: [{ id: "service-name-duplicate", lifts: [{ account: "ONE$" }, { account: "TWO$" }] }],
    });
  });
});
