import { toHex, WaybillError } from "@waybill/base";
import { expect } from "vitest";
import { mutate, seeded } from "./mutations.ts";

/** Mutations a decoder is tried with; the fuzz command, which finds the tests by the word "mutated", sets more. */
export const stormRounds = Number(process.env.WAYBILL_FUZZ_RUNS ?? 100_000);

/** Room for that many rounds, in milliseconds. */
export const stormTimeout = 120_000 + 2 * stormRounds;

/** Milliseconds that no input may cost, on however busy a machine. */
const slow = 2000;

/** Watches the rounds: a value or one of our own errors, never anything else, and never slowly. */
class Storm {
  refused = 0;
  slowest = 0;
  readonly #stackTraceLimit = Error.stackTraceLimit;

  constructor() {
    // Most rounds throw, and the stack is what costs.
    Error.stackTraceLimit = 0;
  }

  refuse(error: unknown, bytes: Uint8Array): void {
    if (!(error instanceof WaybillError)) throw this.#failure(`with ${toHex(bytes)}`, error);
    this.refused++;
  }

  #failure(message: string, cause: unknown): Error {
    Error.stackTraceLimit = this.#stackTraceLimit;
    return new Error(message, { cause });
  }

  lasted(start: number): void {
    this.slowest = Math.max(this.slowest, performance.now() - start);
  }

  end(rounds: number, leastRefused: number): void {
    Error.stackTraceLimit = this.#stackTraceLimit;
    expect(this.refused).toBeGreaterThanOrEqual(rounds * leastRefused);
    expect(this.slowest).toBeLessThan(slow);
  }
}

export interface StormOptions {
  /** The part of the rounds to run, for readers that cost more than decoding. Default: 1. */
  readonly share?: number;
  /** The part of the rounds that must be refused, lest mutations miss what is read. Default: a twentieth. */
  readonly leastRefused?: number;
}

/** Runs `read` over mutated seeds. It may succeed or throw our own errors, never anything else, and never slowly. */
export function storm(
  seeds: readonly Uint8Array[],
  read: (bytes: Uint8Array) => unknown,
  { share = 1, leastRefused = 0.05 }: StormOptions = {},
): void {
  const next = seeded(4711);
  const rounds = Math.ceil(stormRounds * share);
  const watch = new Storm();
  for (let round = 0; round < rounds; round++) {
    const bytes = mutate(seeds[round % seeds.length]!, next);
    const start = performance.now();
    try {
      if (read(bytes) instanceof Promise) throw new TypeError("what is read asynchronously needs stormAsync");
    } catch (error) {
      watch.refuse(error, bytes);
    }
    watch.lasted(start);
  }
  watch.end(rounds, leastRefused);
}

/** {@link storm} for what is read asynchronously. */
export async function stormAsync(
  seeds: readonly Uint8Array[],
  read: (bytes: Uint8Array) => Promise<unknown>,
  { share = 1, leastRefused = 0.05 }: StormOptions = {},
): Promise<void> {
  const next = seeded(4711);
  const rounds = Math.ceil(stormRounds * share);
  const watch = new Storm();
  for (let round = 0; round < rounds; round++) {
    const bytes = mutate(seeds[round % seeds.length]!, next);
    const start = performance.now();
    await read(bytes).catch((error: unknown) => watch.refuse(error, bytes));
    watch.lasted(start);
  }
  watch.end(rounds, leastRefused);
}
