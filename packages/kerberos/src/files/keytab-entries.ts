import type { EpochMs } from "@waybill/base";
import { defaultEncTypes } from "../crypto/enctypes.ts";
import { computerSalt, principalSalt, userSalt } from "../crypto/salt.ts";
import { type StringToKeyOptions, stringToKey } from "../crypto/string-to-key.ts";
import { type Principal, samePrincipal } from "../principal.ts";
import type { Keytab, KeytabEntry } from "./keytab.ts";

/** Which entries of a keytab to find; what is left out matches all. */
export interface KeyQuery {
  readonly principal?: Principal | undefined;
  /** 0 and `undefined` stand for any. */
  readonly kvno?: number | undefined;
  readonly etype?: number | undefined;
}

/** The entries that answer to a query, the newest key version first. */
export function findKeys(keytab: Keytab, query: KeyQuery): readonly KeytabEntry[] {
  const { principal, kvno, etype } = query;
  const found = keytab.entries.filter(
    (entry) =>
      (principal === undefined || samePrincipal(entry.principal, principal)) &&
      (etype === undefined || entry.key.keytype === etype),
  );
  return (kvno ? withVersion(found, kvno) : [...found]).sort((left, right) => right.kvno - left.kvno);
}

/** Keytabs without 32-bit versions hold the low eight bits only. */
function withVersion(entries: readonly KeytabEntry[], kvno: number): KeytabEntry[] {
  const exact = entries.filter((entry) => entry.kvno === kvno);
  if (exact.length > 0 || kvno <= 0xff) return exact;
  return entries.filter((entry) => entry.kvno === (kvno & 0xff));
}

/** The highest key version of a principal, or `undefined` if it has no key. */
export function newestKvno(keytab: Keytab, principal: Principal): number | undefined {
  return findKeys(keytab, { principal })[0]?.kvno;
}

/** The keys of the highest version of a principal, one for each encryption type. */
export function newestKeys(keytab: Keytab, principal: Principal): readonly KeytabEntry[] {
  const kvno = newestKvno(keytab, principal);
  return findKeys(keytab, { principal }).filter((entry) => entry.kvno === kvno);
}

/**
 * All entries of the keytabs. Where two have the same principal, key version and encryption type the one of the later
 * keytab stays: it may have been made with the right password after a wrong one.
 */
export function mergeKeytabs(...keytabs: readonly Keytab[]): Keytab {
  const entries = new Map<string, KeytabEntry>();
  for (const entry of keytabs.flatMap((keytab) => keytab.entries)) {
    const { realm, components } = entry.principal;
    entries.set(JSON.stringify([realm, components, entry.kvno, entry.key.keytype]), entry);
  }
  return { entries: [...entries.values()] };
}

/** Whose password it is, which decides the salt: see `userSalt` and `computerSalt`. */
export type AccountKind =
  | { readonly kind: "user"; readonly name: string }
  /** `accountName` as in sAMAccountName: `KVM01$`. */
  | { readonly kind: "computer"; readonly accountName: string }
  /** A KDC that salts with the principal itself: MIT, Heimdal. */
  | { readonly kind: "principal" };

/** Whose password becomes keys, under which names and version. */
export interface PasswordEntriesOptions extends StringToKeyOptions {
  /** All the names that go by the same keys: the account and its service principal names. */
  readonly principals: readonly Principal[];
  readonly password: string;
  readonly kvno: number;
  readonly account: AccountKind;
  /** Default: AES only. */
  readonly etypes?: readonly number[] | undefined;
  readonly timestamp: EpochMs;
}

/** Keytab entries of a password: each key is worked out once and stands under every name. */
export function entriesFromPassword(options: PasswordEntriesOptions): readonly KeytabEntry[] {
  const { principals, password, kvno, account, timestamp, etypes = defaultEncTypes } = options;
  const keys = new Map<string, KeytabEntry["key"]>();
  return principals.flatMap((principal) => {
    const salt = saltOf(principal, account);
    return etypes.map((etype) => {
      const name = `${etype} ${salt}`;
      const key = keys.get(name) ?? stringToKey(etype, password, salt, options);
      keys.set(name, key);
      return { principal, kvno, key, timestamp };
    });
  });
}

function saltOf(principal: Principal, account: AccountKind): string {
  if (account.kind === "user") return userSalt(principal.realm, account.name);
  if (account.kind === "computer") return computerSalt(principal.realm, account.accountName);
  return principalSalt(principal);
}
