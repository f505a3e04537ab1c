import type { Account, Group } from "./account.ts";
import type { Domain } from "./domain.ts";
import type { Trust } from "./trust.ts";

/** Who owns a service name. */
export interface SpnOwners {
  /** More than one: a duplicate SPN, for which AD issues no ticket. */
  readonly accounts: readonly Account[];
  /** How it was found: registered as such, or covered by the computer's HOST name. */
  readonly match: "registered" | "host-alias" | "none";
}

/**
 * One domain, to be read synchronously. Names are compared as AD does, whatever the case of their letters.
 * Every read sees one consistent state; `version` changes whenever anything may have changed.
 */
export interface DirectoryView {
  readonly domain: Domain;
  /** Grows with every change, in this or another process. */
  readonly version: number;

  /** By sAMAccountName, as written: a computer's has its `$`. */
  bySam(name: string): Account | undefined;
  bySid(sid: string): Account | undefined;
  byDn(dn: string): Account | undefined;
  /**
   * By userPrincipalName, then by implicit UPN: `sam@dns-name`, `sam@realm`, `sam@NETBIOS`.
   */
  byUpn(upn: string): Account | undefined;
  /** The one owner of a service name, HOST aliases included; `undefined` when there is none or several. */
  bySpn(spn: string): Account | undefined;
  spnOwners(spn: string): SpnOwners;
  /** A client's name as typed: sAMAccountName, else with `$` appended. */
  byName(name: string): Account | undefined;

  /** Security groups, direct and nested, the primary group and builtin groups included; sorted by SID. */
  groupsOf(account: Account): readonly Group[];
  /** SIDs of the account's token: itself, `groupsOf`, Everyone and Authenticated Users. */
  tokenSids(account: Account): readonly string[];
  groupBySid(sid: string): Group | undefined;
  groupBySam(name: string): Group | undefined;
  /** Members of a group, nested groups resolved, as accounts. */
  membersOf(group: Group): Iterable<Account>;

  readonly krbtgt: Account;
  /** @param flags when not 0, accounts without any of these bits of userAccountControl may be left out */
  accounts(flags?: number): Iterable<Account>;
  trusts(): readonly Trust[];
}
