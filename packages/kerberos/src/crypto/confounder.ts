import { randomFillSync } from "node:crypto";

const pool = new Uint8Array(4096);
let used = pool.length;

/** Fills `target` with random octets, from a pool: one system call serves hundreds of confounders. */
export function fillConfounder(target: Uint8Array): void {
  if (used + target.length > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const taken = pool.subarray(used, used + target.length);
  target.set(taken);
  taken.fill(0);
  used += target.length;
}

/** AES's block, and the size of its confounder. */
const blockSize = 16;
let blocks = new Uint8Array(8192);

/**
 * Confounder (a random one unless given) and plaintext, filled up with zeros to whole AES blocks. The result is good until the next
 * call: one piece of memory serves every message, for what is enciphered is copied out of it at once.
 */
export function confounded(plaintext: Uint8Array, confounder?: Uint8Array): Uint8Array {
  const length = blockSize + plaintext.length;
  const size = Math.ceil(length / blockSize) * blockSize;
  if (size > blocks.length) blocks = new Uint8Array(2 * size);
  const padded = blocks.subarray(0, size);
  if (confounder === undefined) fillConfounder(padded.subarray(0, blockSize));
  else padded.set(confounder);
  padded.set(plaintext, blockSize);
  padded.fill(0, length);
  return padded;
}
