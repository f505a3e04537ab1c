import type { EpochMs, Random } from "@waybill/base";
import { computerSalt, EncType, randomKey, stringToKey, userSalt } from "@waybill/kerberos";
import type { StoredKey, StoredKeySet } from "../store/stored-object.ts";

export interface SaltFacts {
  readonly realm: string;
  readonly samAccountName: string;
  readonly userPrincipalName?: string | undefined;
  /** Computers and managed service accounts are salted as hosts. */
  readonly computer: boolean;
}

/** Which keys an account has had. */
export interface KeyGeneration {
  readonly kvno: number;
  readonly setAt: EpochMs;
  /** The usual ones unless told. */
  readonly keytypes?: readonly number[] | undefined;
}

/** AES keys every account gets, strongest first. */
export const usualKeyTypes: readonly number[] = [EncType.aes256CtsHmacSha1, EncType.aes128CtsHmacSha1];

/** The salt of an account: MS-KILE section 3.1.1.2. Users with a UPN are salted by its first part. */
export function accountSalt(facts: SaltFacts): string {
  if (facts.computer) return computerSalt(facts.realm, facts.samAccountName);
  const upn = facts.userPrincipalName;
  const at = upn?.lastIndexOf("@") ?? -1;
  return userSalt(
    facts.realm,
    upn !== undefined && at > 0 ? upn.slice(0, at).replaceAll("/", "") : facts.samAccountName,
  );
}

/** Keys of a password. @param lazy derive each set on first use: PBKDF2 costs milliseconds per account. */
export function passwordKeySet(
  password: string,
  facts: SaltFacts,
  generation: KeyGeneration,
  lazy = false,
): StoredKeySet {
  return saltedKeySet(password, accountSalt(facts), generation, lazy);
}

/** The same with a salt of one's own: trusts have no account's salt. */
export function saltedKeySet(
  password: string,
  salt: string,
  generation: KeyGeneration,
  lazy = false,
): StoredKeySet {
  const { kvno, setAt, keytypes = usualKeyTypes } = generation;
  if (lazy) return new LazyKeySet(kvno, setAt, () => deriveKeys(password, salt, keytypes));
  return { kvno, setAt, keys: deriveKeys(password, salt, keytypes) };
}

/** A generation of random keys, as a computer has that nobody types a password for. */
export function randomKeySet(random: Random, generation: KeyGeneration): StoredKeySet {
  const { kvno, setAt, keytypes = usualKeyTypes } = generation;
  return { kvno, setAt, keys: keytypes.map((keytype) => randomKey(keytype, random)) };
}

function deriveKeys(password: string, salt: string, keytypes: readonly number[]): StoredKey[] {
  return keytypes.map((keytype) => {
    const { keyvalue } = stringToKey(keytype, password, salt);
    return keytype === EncType.rc4Hmac ? { keytype, keyvalue } : { keytype, keyvalue, salt };
  });
}

class LazyKeySet implements StoredKeySet {
  readonly kvno: number;
  readonly setAt: EpochMs;
  #derive: (() => readonly StoredKey[]) | undefined;
  #keys: readonly StoredKey[] = [];

  constructor(kvno: number, setAt: EpochMs, derive: () => readonly StoredKey[]) {
    this.kvno = kvno;
    this.setAt = setAt;
    this.#derive = derive;
  }

  get keys(): readonly StoredKey[] {
    if (this.#derive !== undefined) this.#keys = this.#derive();
    this.#derive = undefined;
    return this.#keys;
  }
}
