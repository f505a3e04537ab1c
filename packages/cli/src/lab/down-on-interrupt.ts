import { sleep } from "@waybill/base";
import { ExitCode } from "../output/exit-code.ts";
import { errorStyle } from "../output/style.ts";
import { Lab } from "./lab.ts";
import type { LabLayout } from "./layout.ts";

/** How long what is interrupted may take to notice, ms. */
const patience = 1000;

/** Work with a lab that leaves nothing of it behind when it is broken off, at whatever moment. */
export async function downOnInterrupt<T>(
  layout: LabLayout,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const stopping = new AbortController();
  const { signal } = stopping;
  const running = work(signal);
  const settled = running.then(nothing, nothing);
  const end = async (): Promise<void> => {
    // Ctrl-C once more, or the same one again by way of npm.
    if (signal.aborted) return;
    stopping.abort();
    console.error(errorStyle.faint("· interrupted: ending the lab"));
    await Promise.race([settled, sleep(patience)]);
    await Lab.down(layout).catch(nothing);
    process.exit(ExitCode.failed);
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const name of signals) process.on(name, end);
  // Once interrupted, what becomes of the work is nobody's concern: the process ends above.
  await settled;
  if (signal.aborted) await new Promise<never>(nothing);
  for (const name of signals) process.removeListener(name, end);
  return await running;
}

function nothing(): void {}
