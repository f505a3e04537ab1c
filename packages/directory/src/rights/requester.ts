import type { Account } from "../model/account.ts";
import { WellKnownSid } from "../model/well-known.ts";
import type { DirectoryReader } from "../reader/directory-reader.ts";

/** Who wants to read or change something. */
export interface Requester {
  readonly account: Account;
  /** SIDs of the token: account, groups, Everyone, Authenticated Users. */
  readonly sids: readonly string[];
}

export function requesterOf(reader: DirectoryReader, account: Account): Requester {
  return { account, sids: reader.tokenSids(account) };
}

/** User rights that directory changes ask for: MS-LSAD section 3.1.1.2.1. */
export type Privilege = "SeEnableDelegationPrivilege" | "SeMachineAccountPrivilege";

const byDefault: Readonly<Record<Privilege, readonly string[]>> = {
  SeEnableDelegationPrivilege: [WellKnownSid.administrators],
  SeMachineAccountPrivilege: [WellKnownSid.authenticatedUsers],
};

export function privilegeHolders(reader: DirectoryReader, privilege: Privilege): readonly string[] {
  const held = reader.store.setting(`privilege:${privilege}`);
  return Array.isArray(held) ? held.map(String) : byDefault[privilege];
}

export function holdsPrivilege(reader: DirectoryReader, requester: Requester, privilege: Privilege): boolean {
  const holders = privilegeHolders(reader, privilege);
  return requester.sids.some((sid) => holders.includes(sid));
}
