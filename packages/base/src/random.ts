import { randomFillSync } from "node:crypto";

/** Where randomness comes from. Injected, so that a test can replay an exchange byte for byte. */
export interface Random {
  bytes(length: number): Uint8Array;
}

export const systemRandom: Random = {
  bytes: (length) => randomFillSync(new Uint8Array(length)),
};

/** A uniformly random integer from 0 to 2³¹−1: nonces and sequence numbers that every peer can hold. */
export function randomUint31(random: Random): number {
  const [a = 0, b = 0, c = 0, d = 0] = random.bytes(4);
  return ((a & 0x7f) << 24) | (b << 16) | (c << 8) | d;
}
