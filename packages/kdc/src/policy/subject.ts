import { type Account, type DirectoryView, type Domain, hasFlag, WellKnownRid } from "@waybill/directory";
import type { KdcProfile } from "./profile.ts";
import { factOf, objectOf, type Reason } from "./reason.ts";

/** An account together with the SIDs of all its groups, nested ones included. */
export interface Subject {
  readonly account: Account;
  readonly groupSids: readonly string[];
}

export function subjectOf(view: DirectoryView, account: Account): Subject {
  return { account, groupSids: view.groupsOf(account).map((group) => group.sid) };
}

/** Whether the rules for Protected Users hold: MS-KILE section 3.3.5.1. */
export function isProtected(subject: Subject, domain: Domain, profile: KdcProfile): boolean {
  return (
    domain.functionalLevel >= profile.protectedUsersLevel &&
    subject.groupSids.includes(`${domain.sid}-${WellKnownRid.protectedUsers}`)
  );
}

/** "Account is sensitive and cannot be delegated". */
export function sensitiveReason({ account }: Subject): Reason | undefined {
  if (!hasFlag(account.userAccountControl, "notDelegated")) return undefined;
  return {
    id: "user-sensitive",
    sentence: `${account.samAccountName} is marked "sensitive and cannot be delegated".`,
    fact: factOf(account, "userAccountControl", "NOT_DELEGATED"),
    lifts: [{ kind: "clear-flag", ...objectOf(account), flag: "notDelegated" }],
  };
}

export function protectedReason(subject: Subject, domain: Domain, profile: KdcProfile): Reason | undefined {
  if (!isProtected(subject, domain, profile)) return undefined;
  const { account } = subject;
  return {
    id: "user-protected",
    sentence: `${account.samAccountName} is a member of Protected Users, who are never delegated.`,
    fact: factOf(account, "memberOf", "Protected Users"),
    lifts: [
      {
        kind: "leave-group",
        ...objectOf(account),
        group: `${domain.sid}-${WellKnownRid.protectedUsers}`,
        groupName: "Protected Users",
      },
    ],
  };
}

/** The flag on krbtgt makes every ticket of the domain non-forwardable. Directories read from outside may lack krbtgt. */
export function krbtgtReason(krbtgt: Account | undefined, profile: KdcProfile): Reason | undefined {
  if (
    krbtgt === undefined ||
    !profile.krbtgtFlagCounts ||
    !hasFlag(krbtgt.userAccountControl, "notDelegated")
  )
    return undefined;
  return {
    id: "krbtgt-sensitive",
    sentence:
      'krbtgt is marked "sensitive and cannot be delegated", which ends all delegation in the domain.',
    fact: factOf(krbtgt, "userAccountControl", "NOT_DELEGATED"),
    lifts: [{ kind: "clear-flag", ...objectOf(krbtgt), flag: "notDelegated" }],
  };
}
