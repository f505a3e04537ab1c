import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { EmbeddedDirectory } from "../src/index.ts";
import { group, isDeleted } from "./support/numbered-steps.ts";

let folder: string;
let state: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "waybill-durability-"));
  state = join(folder, "state");
  const directory = EmbeddedDirectory.create(state, { realm: "LAB.TEST" });
  directory.createGroup({ name: group });
  await directory.close();
});

afterEach(() => rmSync(folder, { recursive: true }));

/** Runs the changing process from a step on; kills it without warning; returns the last step it acknowledged. */
async function changeUntilKilled(first: number, milliseconds: number): Promise<number> {
  const program = join(import.meta.dirname, "support", "change-forever.ts");
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

function check(directory: EmbeddedDirectory, last: number): void {
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

describe("a process killed in the middle of changes", () => {
  it("loses nothing it acknowledged, leaves nothing half done, and the store opens at once", async () => {
    let next = 0;
    for (const milliseconds of [30, 250, 7, 800, 90]) {
      const acknowledged = await changeUntilKilled(next, milliseconds + Math.random() * 50);
      expect(acknowledged).toBeGreaterThanOrEqual(next);
      const started = performance.now();
      const directory = EmbeddedDirectory.open(state);
      // The first lookup takes part in what "opens" means.
      const beyond = directory.bySam(`u${acknowledged + 1}`) === undefined ? 0 : 1;
      expect(performance.now() - started).toBeLessThan(1000);
      check(directory, acknowledged + beyond);
      next = acknowledged + beyond + 1;
      await directory.close();
    }
    expect(next).toBeGreaterThan(100);
  }, 60_000);

  it("lets another process read and write meanwhile", async () => {
    const directory = EmbeddedDirectory.open(state);
    const running = changeUntilKilled(0, 400);
    let versions = 0;
    let before = -1;
    for (let round = 0; round < 60; round++) {
      await new Promise((resolve) => setTimeout(resolve, 15));
      if (directory.version !== before) versions++;
      before = directory.version;
      if (round % 10 === 0) directory.createUser({ name: `own${round}` });
    }
    const acknowledged = await running;
    directory.refresh();
    const beyond = directory.bySam(`u${acknowledged + 1}`) === undefined ? 0 : 1;
    check(directory, acknowledged + beyond);
    for (let round = 0; round < 60; round += 10) expect(directory.bySam(`own${round}`)).toBeDefined();
    expect(versions).toBeGreaterThan(3);
    await directory.close();
  }, 60_000);
});
