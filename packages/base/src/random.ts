import { randomFillSync } from "node:crypto";

/** Where randomness comes from. Injected, so that a test can replay an exchange byte for byte. */
export interface Random {
  bytes(length: number): Uint8Array;
}

const pool = new Uint8Array(4096);
const largestPooled = 64;
let used = pool.length;

/** Fills `target` with random octets. Few of them come from a pool: one system call serves hundreds of keys and confounders. */
export function fillRandom(target: Uint8Array): void {
  const { length } = target;
  if (length > largestPooled) {
    randomFillSync(target);
    return;
  }
  if (used + length > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  for (let at = 0; at < length; at++) {
    target[at] = pool[used] ?? 0;
    // Given out once: the next owner of this memory learns nothing.
    pool[used++] = 0;
  }
}

export const systemRandom: Random = {
  bytes: (length) => {
    const bytes = new Uint8Array(length);
    fillRandom(bytes);
    return bytes;
  },
};

/** A uniformly random integer from 0 to 2³¹−1: nonces and sequence numbers that every peer can hold. */
export function randomUint31(random: Random): number {
  const [a = 0, b = 0, c = 0, d = 0] = random.bytes(4);
  return ((a & 0x7f) << 24) | (b << 16) | (c << 8) | d;
}
