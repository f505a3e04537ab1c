import { type Account, type DirectoryView, hasFlag, WellKnownRid } from "@waybill/directory";
import { activeDirectory, type KdcProfile, spnOwnersFor } from "@waybill/kdc";
import { trusteesOf } from "./attribute-diff.ts";

/** What somebody who takes over one account can do in other people's names. */
export interface Exposure {
  /** sAMAccountName of the account. */
  readonly account: string;
  readonly sid: string;
  readonly kind: "unconstrained" | "any-protocol" | "kerberos-only" | "resource-based";
  /**
   * Accounts it can reach in others' names, by sAMAccountName; `undefined`: all. By account, not by service: the
   * service name of a ticket is not protected, so a ticket to one service of an account opens all of them.
   */
  readonly towards: readonly string[] | undefined;
  /** How many people it can act for without them being there; `undefined`: only those who show it a ticket. */
  readonly people: number | undefined;
}

export interface ExposureSummary {
  readonly exposures: readonly Exposure[];
  /** Accounts that can act for people who are not there. */
  readonly impersonators: number;
  /** Enabled people who can be delegated: neither sensitive nor in Protected Users. */
  readonly delegable: number;
  /** Enabled people in all. */
  readonly people: number;
  /** Pairs of accounts, from and towards, open to delegation. */
  readonly pairs: number;
}

export interface People {
  /** Enabled people. */
  readonly people: number;
  /** Those of them who are neither sensitive nor in Protected Users. */
  readonly delegable: number;
}

/** Counts people while accounts go by. */
export function peopleCounter(
  view: DirectoryView,
  profile: KdcProfile,
): { readonly add: (account: Account) => void; readonly counted: () => People } {
  const guarded = protectedSids(view, profile);
  let people = 0;
  let delegable = 0;
  return {
    add: ({ kind, userAccountControl, sid }) => {
      if (kind !== "user" || hasFlag(userAccountControl, "accountDisable")) return;
      people++;
      if (!hasFlag(userAccountControl, "notDelegated") && !guarded.has(sid)) delegable++;
    },
    counted: () => ({ people, delegable }),
  };
}

/** Whether an account has to do with delegation: few of the many have, and the others need not be kept in mind. */
export function concernsDelegation(account: Account): boolean {
  return (
    account.servicePrincipalNames.length > 0 ||
    account.allowedToDelegateTo.length > 0 ||
    account.allowedToActOnBehalfOf !== undefined ||
    hasFlag(account.userAccountControl, "trustedForDelegation")
  );
}

/** Everything delegation allows in a directory, by account. */
export function exposure(view: DirectoryView, profile: KdcProfile = activeDirectory): ExposureSummary {
  const people = peopleCounter(view, profile);
  const accounts: Account[] = [];
  for (const account of view.accounts()) {
    people.add(account);
    if (concernsDelegation(account)) accounts.push(account);
  }
  return exposureOf(view, profile, accounts, people.counted());
}

/** The same, of accounts that were gathered and people that were counted already. */
export function exposureOf(
  view: DirectoryView,
  profile: KdcProfile,
  accounts: readonly Account[],
  counts: People,
): ExposureSummary {
  const classic: Account[] = [];
  const granted = new Map<string, Set<string>>();
  const unconstrained: Account[] = [];
  for (const account of accounts) {
    const uac = account.userAccountControl;
    if (hasFlag(uac, "trustedForDelegation") && !isController(view, account)) unconstrained.push(account);
    if (account.allowedToDelegateTo.length > 0) classic.push(account);
    if (!profile.resourceBasedDelegation) continue;
    for (const trustee of trusteesOf(account.allowedToActOnBehalfOf)) {
      granted.set(trustee, (granted.get(trustee) ?? new Set()).add(account.samAccountName));
    }
  }
  const exposures: Exposure[] = [
    ...unconstrained.map((account) => ({
      ...head(account),
      kind: "unconstrained" as const,
      towards: undefined,
      people: undefined,
    })),
    ...classic.map((account) => classicExposure(view, account, profile, counts.delegable)),
    ...[...granted].flatMap(([sid, towards]): Exposure[] => {
      const account = view.bySid(sid);
      const name = account?.samAccountName ?? view.groupBySid(sid)?.samAccountName;
      if (name === undefined) return [];
      // S4U2Self tickets are forwardable unless the account has a list and lacks the flag.
      const alone =
        account === undefined ||
        account.allowedToDelegateTo.length === 0 ||
        hasFlag(account.userAccountControl, "trustedToAuthForDelegation");
      return [
        {
          account: name,
          sid,
          kind: "resource-based",
          towards: [...towards].sort(),
          people: alone ? counts.delegable : undefined,
        },
      ];
    }),
  ];
  return {
    exposures,
    impersonators: new Set(exposures.filter(({ people }) => people !== undefined).map(({ sid }) => sid)).size,
    people: counts.people,
    delegable: counts.delegable,
    pairs: exposures.reduce((sum, { towards }) => sum + (towards?.length ?? 0), 0),
  };
}

function classicExposure(
  view: DirectoryView,
  account: Account,
  profile: KdcProfile,
  delegable: number,
): Exposure {
  const towards = new Set<string>();
  for (const spn of account.allowedToDelegateTo) {
    const plain = spnOwnersFor(view, spn.replaceAll("\\", ""), profile).accounts;
    for (const owner of plain.length > 0 ? plain : view.spnOwners(spn).accounts)
      towards.add(owner.samAccountName);
  }
  const any = hasFlag(account.userAccountControl, "trustedToAuthForDelegation");
  return {
    ...head(account),
    kind: any ? "any-protocol" : "kerberos-only",
    towards: [...towards].sort(),
    people: any ? delegable : undefined,
  };
}

/** Members of Protected Users, where that protects. */
export function protectedSids(view: DirectoryView, profile: KdcProfile): ReadonlySet<string> {
  const group = view.groupBySid(`${view.domain.sid}-${WellKnownRid.protectedUsers}`);
  if (group === undefined || !profile.protectedUsersInS4u2self) return new Set();
  if (view.domain.functionalLevel < profile.protectedUsersLevel) return new Set();
  return new Set([...view.membersOf(group)].map(({ sid }) => sid));
}

export function isController(view: DirectoryView, account: Account): boolean {
  return (
    hasFlag(account.userAccountControl, "serverTrustAccount") ||
    hasFlag(account.userAccountControl, "partialSecretsAccount") ||
    account.sid === view.krbtgt.sid
  );
}

function head(account: Account): Pick<Exposure, "account" | "sid"> {
  return { account: account.samAccountName, sid: account.sid };
}
