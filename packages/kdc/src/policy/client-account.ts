import type { EpochMs } from "@waybill/base";
import { type Account, accountState, type Domain, hasFlag, WellKnownRid } from "@waybill/directory";
import { ErrorCode, NtStatus } from "@waybill/kerberos";
import { type Refusal, refuse } from "./decision.ts";
import { activeDirectory, type KdcProfile } from "./profile.ts";
import { factOf, objectOf, type Reason } from "./reason.ts";

export interface ClientFacts {
  readonly domain: Domain;
  readonly account: Account;
  readonly now: EpochMs;
  readonly profile?: KdcProfile | undefined;
  /** Where a person signs in: the NetBIOS name in the request, "" when it has none. Not given: not looked at. */
  readonly workstation?: string | undefined;
}

export type AccountDecision = { readonly allowed: true } | Refusal;

const allowed = { allowed: true } as const;

/**
 * Whether an account may sign in: MS-KILE section 3.3.5.6.3. Who may sign in at certain workstations only cannot do so
 * from a machine that does not name itself, which is what programs outside Windows are.
 *
 * @param forPasswordChange the request is for kadmin/changepw, where an expired password is no obstacle
 */
export function asClientDecision(facts: ClientFacts, forPasswordChange = false): AccountDecision {
  const { account, domain, profile = activeDirectory } = facts;
  const inAs = { ...profile, ntStatusInTgsErrors: true };
  if (account.sid === `${domain.sid}-${WellKnownRid.krbtgt}`) {
    return refuse(inAs, ErrorCode.KDC_ERR_C_PRINCIPAL_UNKNOWN, undefined, clientIsKrbtgt(account));
  }
  const standing = [...standingReasons(facts), ...placeAndTimeReasons(facts)];
  const password = forPasswordChange ? [] : passwordReasons(facts);
  const [first, ...more] = [...standing, ...password];
  if (first === undefined) {
    if (!hasFlag(account.userAccountControl, "smartcardRequired")) return allowed;
    const { STATUS_SMARTCARD_LOGON_REQUIRED } = NtStatus;
    return refuse(inAs, ErrorCode.KDC_ERR_POLICY, STATUS_SMARTCARD_LOGON_REQUIRED, smartcardReason(account));
  }
  const [code, status] = asCodes[first.id] ?? [ErrorCode.KDC_ERR_CLIENT_REVOKED, undefined];
  return refuse(inAs, code, status, first, ...more);
}

const asCodes: Readonly<Record<string, readonly [code: number, status: number]>> = {
  "client-disabled": [ErrorCode.KDC_ERR_CLIENT_REVOKED, NtStatus.STATUS_ACCOUNT_DISABLED],
  "client-locked": [ErrorCode.KDC_ERR_CLIENT_REVOKED, NtStatus.STATUS_ACCOUNT_LOCKED_OUT],
  "client-expired": [ErrorCode.KDC_ERR_CLIENT_REVOKED, NtStatus.STATUS_ACCOUNT_EXPIRED],
  "client-outside-logon-hours": [ErrorCode.KDC_ERR_CLIENT_REVOKED, NtStatus.STATUS_INVALID_LOGON_HOURS],
  "client-workstation": [ErrorCode.KDC_ERR_POLICY, NtStatus.STATUS_INVALID_WORKSTATION],
  "client-must-change-password": [ErrorCode.KDC_ERR_KEY_EXPIRED, NtStatus.STATUS_PASSWORD_MUST_CHANGE],
  "client-password-expired": [ErrorCode.KDC_ERR_KEY_EXPIRED, NtStatus.STATUS_PASSWORD_EXPIRED],
};

/**
 * Whether the owner of a TGT may still get service tickets: MS-KILE section 3.3.5.7.1. Looked at only once the TGT
 * is older than twenty minutes.
 */
export function tgsClientDecision(facts: ClientFacts & { readonly tgtAuthTime: EpochMs }): AccountDecision {
  const { domain, now, tgtAuthTime, profile = activeDirectory } = facts;
  if (!domain.tickets.validateClient || now - tgtAuthTime <= profile.revalidateAfter) return allowed;
  return standingDecision(facts);
}

/**
 * Whether a service may act for a user (S4U2Self): account state counts, the age of the password does not, logon hours
 * when the service asks for that (MS-SFU section 2.2.2).
 */
export function s4u2selfClientDecision(facts: ClientFacts, checkLogonHours = false): AccountDecision {
  const standing = standingDecision(facts);
  const [first] = checkLogonHours && standing.allowed ? placeAndTimeReasons(facts) : [];
  if (first === undefined) return standing;
  const { profile = activeDirectory } = facts;
  return refuse(profile, ErrorCode.KDC_ERR_CLIENT_REVOKED, NtStatus.STATUS_INVALID_LOGON_HOURS, first);
}

/** The same at S4U2Proxy, where the user may have lost the account since the evidence was issued. */
export function s4u2proxyClientDecision(facts: ClientFacts): AccountDecision {
  const { profile = activeDirectory } = facts;
  const standing = standingDecision(facts);
  if (!standing.allowed || !profile.passwordStateInS4u2proxy) return standing;
  const [first, ...more] = passwordReasons(facts);
  if (first === undefined) return allowed;
  return refuse(profile, ErrorCode.KDC_ERR_KEY_EXPIRED, asCodes[first.id]?.[1], first, ...more);
}

function standingDecision(facts: ClientFacts): AccountDecision {
  const { profile = activeDirectory } = facts;
  const [first, ...more] = standingReasons(facts);
  if (first === undefined) return allowed;
  const { codes } = profile;
  const code =
    first.id === "client-disabled"
      ? codes.disabledInTgs
      : first.id === "client-expired"
        ? codes.expiredInTgs
        : ErrorCode.KDC_ERR_CLIENT_REVOKED;
  return refuse(profile, code, asCodes[first.id]?.[1], first, ...more);
}

/** All that is wrong with an account apart from its password. */
function standingReasons({ account, domain, now }: ClientFacts): Reason[] {
  const state = accountState(account, domain, now);
  const { samAccountName } = account;
  const reasons: Reason[] = [];
  if (state.disabled) {
    reasons.push({
      id: "client-disabled",
      sentence: `${samAccountName} is disabled.`,
      fact: factOf(account, "userAccountControl", "ACCOUNTDISABLE"),
      lifts: [{ kind: "clear-flag", ...objectOf(account), flag: "accountDisable" }],
    });
  }
  if (state.locked) {
    const until =
      state.lockedUntil === undefined
        ? "until unlocked"
        : `until ${new Date(state.lockedUntil).toISOString()}`;
    reasons.push({
      id: "client-locked",
      sentence: `${samAccountName} is locked out ${until} after wrong passwords.`,
      fact: factOf(account, "lockoutTime", new Date(account.lockoutTime ?? 0).toISOString()),
      lifts: [{ kind: "unlock", ...objectOf(account) }],
    });
  }
  if (state.expired) {
    const when = new Date(account.accountExpires ?? 0).toISOString();
    reasons.push({
      id: "client-expired",
      sentence: `${samAccountName} expired on ${when}.`,
      fact: factOf(account, "accountExpires", when),
      lifts: [{ kind: "set-attribute", ...objectOf(account), attribute: "accountExpires", value: "0" }],
    });
  }
  return reasons;
}

/** When and where the account may sign in. */
function placeAndTimeReasons({ account, domain, now, workstation }: ClientFacts): Reason[] {
  const { samAccountName, logonWorkstations = [] } = account;
  const reasons: Reason[] = [];
  if (accountState(account, domain, now).outsideLogonHours) {
    reasons.push({
      id: "client-outside-logon-hours",
      sentence: `${samAccountName} may not sign in at this hour of the week.`,
      fact: factOf(account, "logonHours", new Date(now).toISOString()),
      lifts: [{ kind: "clear-attribute", ...objectOf(account), attribute: "logonHours" }],
    });
  }
  const named = (name: string): boolean => name.toLowerCase() === workstation?.toLowerCase();
  if (workstation !== undefined && logonWorkstations.length > 0 && !logonWorkstations.some(named)) {
    reasons.push({
      id: "client-workstation",
      sentence: `${samAccountName} may sign in at ${logonWorkstations.join(", ")} only, and not at ${workstation === "" ? "a machine that does not say its name" : workstation}.`,
      fact: factOf(account, "userWorkstations", logonWorkstations.join(",")),
      lifts: [{ kind: "clear-attribute", ...objectOf(account), attribute: "userWorkstations" }],
    });
  }
  return reasons;
}

function passwordReasons({ account, domain, now }: ClientFacts): Reason[] {
  const state = accountState(account, domain, now);
  const lifts = [{ kind: "reset-password", ...objectOf(account) }] as const;
  if (state.mustChangePassword) {
    const sentence = `${account.samAccountName} must change the password before signing in.`;
    return [{ id: "client-must-change-password", sentence, fact: factOf(account, "pwdLastSet", "0"), lifts }];
  }
  if (state.passwordExpired) {
    const when = new Date(account.passwordLastSet ?? 0).toISOString();
    const sentence = `The password of ${account.samAccountName}, set on ${when}, has expired.`;
    return [{ id: "client-password-expired", sentence, fact: factOf(account, "pwdLastSet", when), lifts }];
  }
  return [];
}

function smartcardReason(account: Account): Reason {
  return {
    id: "client-smartcard-required",
    sentence: `${account.samAccountName} may sign in with a smart card only.`,
    fact: factOf(account, "userAccountControl", "SMARTCARD_REQUIRED"),
    lifts: [{ kind: "clear-flag", ...objectOf(account), flag: "smartcardRequired" }],
  };
}

function clientIsKrbtgt(account: Account): Reason {
  return {
    id: "client-is-krbtgt",
    sentence: "krbtgt is the KDC's own account and never signs in.",
    fact: factOf(account, "sAMAccountName", account.samAccountName),
    lifts: [],
  };
}
