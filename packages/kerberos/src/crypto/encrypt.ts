import { KerberosError } from "../errors.ts";
import { enctypeInfo, findEncType } from "./enctypes.ts";
import { scheduleOf } from "./schedule.ts";
import type { EncryptionKey } from "./types.ts";

/** What may be given to `encrypt` beside key, usage and plaintext. */
export interface EncryptOptions {
  /** Octets to use instead of a random confounder, for tests and replays: the row's `confounderSize`. */
  readonly confounder?: Uint8Array | undefined;
}

/**
 * Enciphers `plaintext` with integrity, as `EncryptedData.cipher` carries it: RFC 3961 section 3.
 *
 * @param usage a number of `KeyUsage`
 * @throws KerberosError KDC_ERR_ETYPE_NOSUPP, BAD_KEY_SIZE
 */
export function encrypt(
  key: EncryptionKey,
  usage: number,
  plaintext: Uint8Array,
  options?: EncryptOptions,
): Uint8Array {
  const confounder = options?.confounder;
  if (confounder !== undefined && confounder.length !== enctypeInfo(key.keytype).confounderSize) {
    throw new KerberosError(
      `a confounder of ${confounder.length} octets does not fit encryption type ${key.keytype}`,
      {
        code: "BAD_CONFOUNDER_SIZE",
        family: "caller",
      },
    );
  }
  return scheduleOf(key).encrypt(usage, plaintext, confounder);
}

/**
 * Deciphers what `encrypt` of either side made, and checks its integrity.
 *
 * @throws KerberosError KRB_AP_ERR_BAD_INTEGRITY when the key, the usage or any bit is not the one it was made with
 */
export function decrypt(key: EncryptionKey, usage: number, ciphertext: Uint8Array): Uint8Array {
  const plaintext = scheduleOf(key).decrypt(usage, ciphertext);
  if (plaintext === undefined) {
    throw new KerberosError(
      "the encrypted part does not match the key: it was made with another key, or changed",
      {
        code: "KRB_AP_ERR_BAD_INTEGRITY",
        facts: { enctype: findEncType(key.keytype)?.name ?? key.keytype, usage, length: ciphertext.length },
      },
    );
  }
  return plaintext;
}
