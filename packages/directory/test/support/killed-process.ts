import { spawn } from "node:child_process";
import { join } from "node:path";
import { expect } from "vitest";
import type { EmbeddedDirectory } from "../../src/index.ts";
import { group, isDeleted } from "./numbered-steps.ts";

/** Runs the changing process from a step on; kills it without warning; returns the last step it acknowledged. */
export async function changeUntilKilled(state: string, first: number, milliseconds: number): Promise<number> {
  const program = join(import.meta.dirname, "change-forever.ts");
  const child = spawn(
    process.execPath,
    ["--import", "tsx", "--conditions=@waybill/source", program, state, String(first)],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  let output = "";
  let timer: NodeJS.Timeout | undefined;
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString("latin1");
    timer ??= setTimeout(() => child.kill("SIGKILL"), milliseconds);
  });
  await new Promise((resolve) => child.once("close", resolve));
  clearTimeout(timer);
  const lines = output.split("\n");
  // What follows the last line end was cut off.
  return Number(lines.at(-2) ?? -1);
}

/** Milliseconds of work that this process needs for something, whatever else the machine does meanwhile. */
export function workTime<T>(work: () => T): { readonly result: T; readonly milliseconds: number } {
  const before = process.cpuUsage();
  const result = work();
  const { user, system } = process.cpuUsage(before);
  return { result, milliseconds: (user + system) / 1000 };
}

/** All that the steps up to `last` did is there, and nothing else. */
export function checkSteps(directory: EmbeddedDirectory, last: number): void {
  const members = new Set(
    Array.from(directory.membersOf(directory.groupBySam(group)!), (account) => account.samAccountName),
  );
  let expected = 0;
  for (let step = 0; step <= last; step++) {
    const account = directory.bySam(`u${step}`);
    const gone = isDeleted(step, last);
    expect([step, account === undefined]).toEqual([step, gone]);
    expect(directory.bySpn(`http/u${step}.lab.test`)?.sid).toBe(account?.sid);
    expect(members.has(`u${step}`)).toBe(!gone);
    if (!gone) expected++;
  }
  expect(members.size).toBe(expected);
}
