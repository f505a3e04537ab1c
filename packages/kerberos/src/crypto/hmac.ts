import * as crypto from "node:crypto";

export type HmacHash = "sha1" | "sha256" | "sha384";

const blockSizes = { sha1: 64, sha256: 64, sha384: 128 } as const;
const innerPad = 0x36;
const outerPad = 0x5c;

/** Longer input goes through an Hmac object: there its cost is lost in the hashing. */
const longestInput = 16 * 1024;
const scratch = new Uint8Array(longestInput);

// Missing before Node 20.12.
const { hash: hashAtOnce }: { readonly hash?: typeof crypto.hash } = crypto;

/**
 * The first `size` octets of the HMAC (RFC 2104) over `first` and `second`, under a key no longer than a block of the hash.
 *
 * Two one-shot hashes over a buffer that is used again and again cost a third of one Hmac object, and leave the
 * garbage collector nothing to finalize.
 */
export function hmac(
  hash: HmacHash,
  key: Uint8Array,
  size: number,
  first: Uint8Array,
  second?: Uint8Array,
): Uint8Array {
  const blockSize = blockSizes[hash];
  const firstEnd = blockSize + first.length;
  const length = firstEnd + (second?.length ?? 0);
  const mac = new Uint8Array(size);
  if (hashAtOnce === undefined || length > scratch.length) {
    const object = crypto.createHmac(hash, key).update(first);
    if (second !== undefined) object.update(second);
    mac.set(object.digest().subarray(0, size));
    return mac;
  }
  keyBlock(key, blockSize, innerPad);
  scratch.set(first, blockSize);
  if (second !== undefined) scratch.set(second, firstEnd);
  // As a string: a buffer costs twice as much to hand over.
  const inner = hashAtOnce(hash, scratch.subarray(0, length), "binary");
  keyBlock(key, blockSize, outerPad);
  for (let at = 0; at < inner.length; at++) scratch[blockSize + at] = inner.charCodeAt(at);
  const outer = hashAtOnce(hash, scratch.subarray(0, blockSize + inner.length), "binary");
  for (let at = 0; at < size; at++) mac[at] = outer.charCodeAt(at);
  return mac;
}

function keyBlock(key: Uint8Array, blockSize: number, pad: number): void {
  scratch.fill(pad, 0, blockSize);
  for (let at = 0; at < key.length; at++) scratch[at] = (key[at] ?? 0) ^ pad;
}
