import { concatBytes, emptyBytes, pooledBytes } from "@waybill/base";
import { HmacKey } from "./hmac.ts";
import { nfold } from "./nfold.ts";

/** A block cipher in CBC mode with a zero initial vector over whole blocks; may change its argument. */
export type EncryptBlocks = (blocks: Uint8Array) => Uint8Array;

/**
 * DR of RFC 3961 section 5.1: `size` octets derived from the key inside `encryptBlocks`. For AES these are the
 * derived key (DK) as they stand.
 *
 * Each block of the result is the encipherment of the one before, which CBC over zeros does in one go.
 */
export function deriveRandom(
  encryptBlocks: EncryptBlocks,
  blockSize: number,
  constant: Uint8Array,
  size: number,
): Uint8Array {
  const blocks = pooledBytes(Math.ceil(size / blockSize) * blockSize);
  blocks.set(constant.length === blockSize ? constant : nfold(constant, blockSize));
  const derived = pooledBytes(size);
  derived.set(encryptBlocks(blocks).subarray(0, size));
  return derived;
}

/**
 * KDF-HMAC-SHA2 of RFC 8009 section 3: one HMAC over a counter of 1, label, zero octet, context, and the length of
 * the result in bits.
 */
export function deriveHmacSha2(
  hash: "sha256" | "sha384",
  key: Uint8Array,
  label: Uint8Array,
  size: number,
  context: Uint8Array = emptyBytes,
): Uint8Array {
  const bits = size * 8;
  const input = concatBytes(counterOne, label, zeroOctet, context, Uint8Array.of(0, 0, bits >>> 8, bits));
  return new HmacKey(hash, key, size).mac(input);
}

const counterOne = Uint8Array.of(0, 0, 0, 1);
const zeroOctet = Uint8Array.of(0);
