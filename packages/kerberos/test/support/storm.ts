import { WaybillError } from "@waybill/base";
import { expect } from "vitest";
import { mutate, seeded } from "./mutations.ts";

/** Mutations a decoder is tried with; the fuzz command sets more. */
export const stormRounds = Number(process.env.WAYBILL_FUZZ_RUNS ?? 100_000);

/** Room for that many rounds, in milliseconds. */
export const stormTimeout = 120_000 + stormRounds;

/**
 * Runs `read` over mutated seeds. It may succeed or throw our own errors, never anything else, and never slowly.
 *
 * @param share the part of the rounds to run, for readers that cost more than decoding
 */
export function storm(seeds: readonly Uint8Array[], read: (bytes: Uint8Array) => unknown, share = 1): void {
  const next = seeded(4711);
  const rounds = Math.ceil(stormRounds * share);
  let refused = 0;
  let slowest = 0;
  for (let round = 0; round < rounds; round++) {
    const bytes = mutate(seeds[round % seeds.length]!, next);
    const start = performance.now();
    try {
      read(bytes);
    } catch (error) {
      if (!(error instanceof WaybillError)) throw error;
      refused++;
    }
    slowest = Math.max(slowest, performance.now() - start);
  }
  expect(refused).toBeGreaterThan(rounds / 20);
  expect(slowest).toBeLessThan(2000);
}
