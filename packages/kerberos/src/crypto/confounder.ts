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
