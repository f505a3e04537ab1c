import * as crypto from "node:crypto";
import { pooledBytes } from "@waybill/base";

/** Hash functions of the encryption types' HMACs. */
export type HmacHash = "md5" | "sha1" | "sha256" | "sha384";

const blockSizes = { md5: 64, sha1: 64, sha256: 64, sha384: 128 } as const;
const digestSizes = { md5: 16, sha1: 20, sha256: 32, sha384: 48 } as const;
const innerPad = 0x36363636;
const outerPad = 0x5c5c5c5c;

/** Longer input goes through an Hmac object: there its cost is lost in the hashing. */
const longestInput = 16 * 1024;
const memory = new ArrayBuffer(longestInput);
const octets = new Uint8Array(memory);
const words = new Uint32Array(memory);
const outerInputs = {
  md5: octets.subarray(0, blockSizes.md5 + digestSizes.md5),
  sha1: octets.subarray(0, blockSizes.sha1 + digestSizes.sha1),
  sha256: octets.subarray(0, blockSizes.sha256 + digestSizes.sha256),
  sha384: octets.subarray(0, blockSizes.sha384 + digestSizes.sha384),
} as const;

// Missing before Node 20.12.
const { hash: hashAtOnce }: { readonly hash?: typeof crypto.hash } = crypto;

/**
 * HMAC (RFC 2104) under one key.
 *
 * Two one-shot hashes over a buffer that is used again and again cost a third of one Hmac object, and leave the
 * garbage collector nothing to finalize.
 */
export class HmacKey {
  readonly #hash: HmacHash;
  readonly #key: Uint8Array;
  readonly #size: number;
  /** The key, filled up with zeros to a block. */
  readonly #block: Uint32Array;

  /**
   * @param key no longer than a block of the hash
   * @param size octets of the HMAC that count
   */
  constructor(hash: HmacHash, key: Uint8Array, size: number) {
    const blockSize = blockSizes[hash];
    this.#hash = hash;
    this.#key = key;
    this.#size = size;
    octets.fill(0, 0, blockSize);
    octets.set(key);
    this.#block = words.slice(0, blockSize / 4);
  }

  /** The HMAC over `first` and `second`, as many octets as count. */
  mac(first: Uint8Array, second?: Uint8Array): Uint8Array {
    const blockSize = this.#block.length * 4;
    const firstEnd = blockSize + first.length;
    const length = second === undefined ? firstEnd : firstEnd + second.length;
    const mac = pooledBytes(this.#size);
    if (hashAtOnce === undefined || length > longestInput) {
      const hmac = crypto.createHmac(this.#hash, this.#key).update(first);
      if (second !== undefined) hmac.update(second);
      mac.set(hmac.digest().subarray(0, mac.length));
      return mac;
    }
    this.#start(innerPad);
    octets.set(first, blockSize);
    if (second !== undefined) octets.set(second, firstEnd);
    // Digests as strings: buffers cost twice as much to hand over.
    const inner = hashAtOnce(this.#hash, new Uint8Array(memory, 0, length), "binary");
    this.#start(outerPad);
    putOctets(inner, octets, blockSize, inner.length);
    const outer = hashAtOnce(this.#hash, outerInputs[this.#hash], "binary");
    putOctets(outer, mac, 0, mac.length);
    return mac;
  }

  #start(pad: number): void {
    const block = this.#block;
    for (let at = 0; at < block.length; at++) words[at] = (block[at] ?? 0) ^ pad;
  }
}

/** A plain hash. */
export function digest(hash: HmacHash, data: Uint8Array): Uint8Array {
  if (hashAtOnce === undefined) return crypto.createHash(hash).update(data).digest();
  const bytes = pooledBytes(digestSizes[hash]);
  putOctets(hashAtOnce(hash, data, "binary"), bytes, 0, bytes.length);
  return bytes;
}

function putOctets(text: string, target: Uint8Array, start: number, length: number): void {
  for (let at = 0; at < length; at++) target[start + at] = text.charCodeAt(at);
}
