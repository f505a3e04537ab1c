import {
  type Account,
  type DirectoryView,
  type Domain,
  type Group,
  hostAliasOf,
  type SpnOwners,
  spnKey,
  WellKnownRid,
} from "@waybill/directory";
import { type AttributeDiff, delegationAttributes } from "./attribute-diff.ts";

/**
 * A directory as it would be after a plan: everything else is read from the directory itself, nothing is copied.
 * Group changes are given as pairs of SIDs.
 */
export function viewAfter(
  view: DirectoryView,
  diffs: readonly AttributeDiff[],
  leaves: readonly { readonly account: string; readonly group: string }[] = [],
): DirectoryView {
  return new ChangedView(view, diffs, leaves);
}

/** The directory that a view after a plan was made from; any other view itself. */
export function viewBefore(view: DirectoryView): DirectoryView {
  return view instanceof ChangedView ? viewBefore(view.original) : view;
}

/** A view that can be asked for krbtgt even when the source left it out: nothing is known of its flags then. */
export function withKrbtgt(view: DirectoryView): DirectoryView {
  return view.bySam("krbtgt") === undefined ? viewAfter(view, []) : view;
}

function unseenKrbtgt({ dn, sid }: Domain): Account {
  return {
    kind: "user",
    dn: `CN=krbtgt,CN=Users,${dn}`,
    sid: `${sid}-${WellKnownRid.krbtgt}`,
    samAccountName: "krbtgt",
    servicePrincipalNames: [],
    userAccountControl: 0x202,
    primaryGroupId: WellKnownRid.domainUsers,
    badPasswordCount: 0,
    logonCount: 0,
    allowedToDelegateTo: [],
    keySets: [],
    kvno: 0,
    unreadable: new Set(["useraccountcontrol"]),
  };
}

class ChangedView implements DirectoryView {
  readonly #view: DirectoryView;
  readonly #changed = new Map<string, Account>();
  readonly #left = new Map<string, Set<string>>();

  constructor(
    view: DirectoryView,
    diffs: readonly AttributeDiff[],
    leaves: readonly { readonly account: string; readonly group: string }[],
  ) {
    this.#view = view;
    for (const diff of diffs) {
      const account = this.#changed.get(diff.sid) ?? view.bySid(diff.sid);
      if (account !== undefined) this.#changed.set(diff.sid, changed(account, diff));
    }
    for (const { account, group } of leaves) {
      this.#left.set(account, (this.#left.get(account) ?? new Set()).add(group));
    }
  }

  get original(): DirectoryView {
    return this.#view;
  }
  get domain(): DirectoryView["domain"] {
    return this.#view.domain;
  }
  get version(): number {
    return this.#view.version;
  }
  get krbtgt(): Account {
    const krbtgt = this.#view.bySam("krbtgt");
    return krbtgt === undefined ? unseenKrbtgt(this.domain) : (this.#changed.get(krbtgt.sid) ?? krbtgt);
  }
  bySam(name: string): Account | undefined {
    return this.#now(this.#view.bySam(name));
  }
  bySid(sid: string): Account | undefined {
    return this.#now(this.#view.bySid(sid));
  }
  byDn(dn: string): Account | undefined {
    return this.#now(this.#view.byDn(dn));
  }
  byUpn(upn: string): Account | undefined {
    return this.#now(this.#view.byUpn(upn));
  }
  byName(name: string): Account | undefined {
    return this.#now(this.#view.byName(name));
  }
  bySpn(spn: string): Account | undefined {
    const { accounts } = this.spnOwners(spn);
    return accounts.length === 1 ? accounts[0] : undefined;
  }
  spnOwners(spn: string): SpnOwners {
    const registered = this.#owners(spn);
    if (registered.length > 0) return { accounts: registered, match: "registered" };
    // Which services HOST stands for is the directory's own business: it is asked about a name nobody holds now.
    const before = this.#view.spnOwners(spn);
    const alias = before.match === "registered" ? hostAliasOf(spn) : `host${spn.slice(spn.indexOf("/"))}`;
    const possible = before.match === "host-alias" || hostAliasOf(spn) !== undefined;
    const covered = possible && alias !== undefined ? this.#owners(alias) : [];
    return { accounts: covered, match: covered.length > 0 ? "host-alias" : "none" };
  }
  groupsOf(account: Account): readonly Group[] {
    const groups = this.#view.groupsOf(this.#view.bySid(account.sid) ?? account);
    const left = this.#left.get(account.sid);
    return left === undefined ? groups : groups.filter(({ sid }) => !left.has(sid));
  }
  tokenSids(account: Account): readonly string[] {
    const sids = this.#view.tokenSids(this.#view.bySid(account.sid) ?? account);
    const left = this.#left.get(account.sid);
    return left === undefined ? sids : sids.filter((sid) => !left.has(sid));
  }
  groupBySid(sid: string): Group | undefined {
    return this.#view.groupBySid(sid);
  }
  groupBySam(name: string): Group | undefined {
    return this.#view.groupBySam(name);
  }
  *membersOf(group: Group): Iterable<Account> {
    for (const account of this.#view.membersOf(group)) {
      if (this.#left.get(account.sid)?.has(group.sid) !== true) yield this.#now(account) ?? account;
    }
  }
  *accounts(): Iterable<Account> {
    for (const account of this.#view.accounts()) yield this.#now(account) ?? account;
  }
  trusts(): ReturnType<DirectoryView["trusts"]> {
    return this.#view.trusts();
  }

  #now(account: Account | undefined): Account | undefined {
    return account === undefined ? undefined : (this.#changed.get(account.sid) ?? account);
  }

  #owners(spn: string): Account[] {
    const key = spnKey(spn);
    const before = this.#view.spnOwners(spn);
    const kept =
      before.match === "registered" ? before.accounts.filter(({ sid }) => !this.#changed.has(sid)) : [];
    const now = [...this.#changed.values()].filter(({ servicePrincipalNames }) =>
      servicePrincipalNames.some((name) => spnKey(name) === key),
    );
    return [...kept, ...now];
  }
}

function changed(account: Account, { attribute, after }: AttributeDiff): Account {
  const texts = after.filter((value) => typeof value === "string");
  switch (attribute) {
    case delegationAttributes.flags:
      return { ...account, userAccountControl: Number(texts[0] ?? account.userAccountControl) };
    case delegationAttributes.list:
      return { ...account, allowedToDelegateTo: texts };
    case delegationAttributes.names:
      return { ...account, servicePrincipalNames: texts };
    case delegationAttributes.encryption:
      return { ...account, supportedEncryptionTypes: Number(texts[0] ?? 0) || undefined };
    case delegationAttributes.resource: {
      const [descriptor] = after;
      return { ...account, allowedToActOnBehalfOf: typeof descriptor === "string" ? undefined : descriptor };
    }
    default:
      return account;
  }
}
