import { once } from "node:events";
import { AbortedError, sleep, WaybillError } from "@waybill/base";
import type { ConsoleEnd, ConsoleOutput } from "@waybill/hyperv";
import { isPassing } from "@waybill/hyperv";
import type { ConsoleInput } from "./console-input.ts";

/** A machine's serial port, wherever it is. */
export interface ConsoleLine {
  /** What was said; `lost` bytes before it came too fast to be kept. */
  read(options: { readonly signal: AbortSignal }): Promise<ConsoleOutput & { readonly lost: number }>;
  /** @returns how many of the bytes were taken, from the first on. */
  write(bytes: Uint8Array, options: { readonly signal: AbortSignal }): Promise<number>;
}

/** How long a host may be out of reach, in milliseconds. */
export const patience = 30_000;
/** Once no more is typed, a machine that has been silent for so long has answered. */
const silence = 2000;
/** A machine that never falls silent is left all the same. */
const longestAnswer = 15_000;

/** A word of ours between what the machine says. */
export function say(words: string): void {
  // The cursor may stand anywhere in a line of the machine's, and a terminal in raw mode does not return by itself.
  process.stderr.write(process.stderr.isTTY ? `\r\n${words}\r\n` : `${words}\n`);
}

/** Carries what is typed to a machine and what it says to the terminal, until either comes to its end. */
export async function converse(line: ConsoleLine, input: ConsoleInput): Promise<ConsoleEnd> {
  const over = new AbortController();
  const signal = AbortSignal.any([input.leaving, over.signal]);
  const heard = { at: performance.now() };
  try {
    return await Promise.race([listen(line, signal, heard), speak(line, input, signal, heard)]);
  } catch (error) {
    if (input.leaving.aborted) return { reason: "left" };
    throw error;
  } finally {
    over.abort();
  }
}

async function listen(line: ConsoleLine, signal: AbortSignal, heard: { at: number }): Promise<ConsoleEnd> {
  for (;;) {
    const { bytes, lost, end } = await persistently(() => line.read({ signal }), signal);
    if (lost > 0) say(`[${lost} bytes lost: the machine says more than this terminal takes]`);
    if (bytes.length > 0) {
      heard.at = performance.now();
      if (!process.stdout.write(bytes)) await once(process.stdout, "drain", { signal });
    }
    if (end !== undefined) return end;
  }
}

async function speak(
  line: ConsoleLine,
  input: ConsoleInput,
  signal: AbortSignal,
  heard: { at: number },
): Promise<ConsoleEnd> {
  for (;;) {
    const bytes = await input.next(signal);
    if (bytes === undefined) break;
    const taken = await persistently(() => line.write(bytes, { signal }), signal).catch((error: unknown) =>
      isForgotten(error) ? undefined : Promise.reject(error as Error),
    );
    // A host that has forgotten the session says so to the listener as well; what was typed is not lost.
    if (taken === undefined) return await new Promise<never>(() => {});
    input.taken(taken);
    // It reads slowly: what came last is still on its way.
    if (taken < bytes.length) await sleep(100, signal);
  }
  const latest = performance.now() + longestAnswer;
  heard.at = performance.now();
  for (;;) {
    const now = performance.now();
    const until = Math.min(heard.at + silence, latest);
    if (now >= until) return { reason: "left" };
    await sleep(until - now, signal);
  }
}

/** Asks again while the host does not answer; a question that was answered already is answered the same. */
export async function persistently<T>(
  ask: () => Promise<T>,
  signal: AbortSignal,
  passes: (error: unknown) => boolean = isPassing,
): Promise<T> {
  const end = performance.now() + patience;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (signal.aborted) throw new AbortedError("the console", signal.reason);
      if (!passes(error) || performance.now() > end) throw error;
      await sleep(250, signal);
    }
  }
}

/** Whether a host knows nothing of a session, any more. */
export function isForgotten(error: unknown): boolean {
  return error instanceof WaybillError && error.code === "CONSOLE_UNKNOWN";
}
