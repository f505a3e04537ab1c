import type { EpochMs } from "@waybill/base";

/** One long-term key of an account. */
export interface AccountKey {
  /** Encryption type number, RFC 3961 registry. */
  readonly keytype: number;
  readonly keyvalue: Uint8Array;
  /** The salt the password was mixed with, for ETYPE-INFO2; absent for RC4 and random keys. */
  readonly salt?: string | undefined;
}

/** All keys of one password generation, strongest first. */
export interface KeySet {
  /** msDS-KeyVersionNumber of this generation. */
  readonly kvno: number;
  readonly keys: readonly AccountKey[];
  readonly setAt: EpochMs;
}

/** The key of one encryption type in a set. */
export function keyOfType(set: KeySet, keytype: number): AccountKey | undefined {
  return set.keys.find((key) => key.keytype === keytype);
}
