import { fillRandom } from "@waybill/base";

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
  if (confounder === undefined) fillRandom(padded.subarray(0, blockSize));
  else padded.set(confounder);
  padded.set(plaintext, blockSize);
  padded.fill(0, length);
  return padded;
}
