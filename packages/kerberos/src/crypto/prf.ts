import { utf8 } from "@waybill/base";
import { KerberosError } from "../errors.ts";
import { enctypeInfo } from "./enctypes.ts";
import { randomToKey } from "./random-key.ts";
import { scheduleOf } from "./schedule.ts";
import type { EncryptionKey } from "./types.ts";

/** The pseudo-random function of the key's type: RFC 3961 section 3. The row's `prfSize` octets. */
export function prf(key: EncryptionKey, input: Uint8Array): Uint8Array {
  return scheduleOf(key).prf(input);
}

/**
 * PRF+ of RFC 6113 section 5.1: any number of octets, up to 255 blocks of the PRF.
 *
 * @throws KerberosError PRF_TOO_LONG
 */
export function prfPlus(key: EncryptionKey, input: Uint8Array, size: number): Uint8Array {
  const { prfSize } = enctypeInfo(key.keytype);
  if (!Number.isInteger(size) || size < 0 || size > 255 * prfSize) {
    throw new KerberosError(
      `PRF+ of encryption type ${key.keytype} gives up to ${255 * prfSize} octets, not ${size}`,
      {
        code: "PRF_TOO_LONG",
        family: "caller",
      },
    );
  }
  const out = new Uint8Array(size);
  const counted = new Uint8Array(1 + input.length);
  counted.set(input, 1);
  for (let at = 0; at < size; at += prfSize) {
    counted[0] = at / prfSize + 1;
    out.set(prf(key, counted).subarray(0, size - at), at);
  }
  return out;
}

/**
 * KRB-FX-CF2 of RFC 6113 section 5.1: one key of two, of the first one's type. Neither alone is enough to know it.
 */
export function cfx2(
  first: EncryptionKey,
  second: EncryptionKey,
  firstPepper: string | Uint8Array,
  secondPepper: string | Uint8Array,
): EncryptionKey {
  const { keySize } = enctypeInfo(first.keytype);
  const left = prfPlus(first, octets(firstPepper), keySize);
  const right = prfPlus(second, octets(secondPepper), keySize);
  for (const [index, octet] of right.entries()) left[index] = (left[index] ?? 0) ^ octet;
  return randomToKey(first.keytype, left);
}

function octets(pepper: string | Uint8Array): Uint8Array {
  return typeof pepper === "string" ? utf8(pepper) : pepper;
}
