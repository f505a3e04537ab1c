import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { EmbeddedDirectory } from "../src/index.ts";
import { changeUntilKilled, checkSteps } from "./support/killed-process.ts";
import { group } from "./support/numbered-steps.ts";

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

describe("a process killed in the middle of changes", () => {
  it("loses nothing it acknowledged, leaves nothing half done, and the store opens at once", async () => {
    let next = 0;
    for (const milliseconds of [30, 250, 7, 800, 90]) {
      const acknowledged = await changeUntilKilled(state, next, milliseconds + Math.random() * 50);
      expect(acknowledged).toBeGreaterThanOrEqual(next);
      const started = performance.now();
      const directory = EmbeddedDirectory.open(state);
      // The first lookup takes part in what "opens" means.
      const beyond = directory.bySam(`u${acknowledged + 1}`) === undefined ? 0 : 1;
      expect(performance.now() - started).toBeLessThan(1000);
      checkSteps(directory, acknowledged + beyond);
      next = acknowledged + beyond + 1;
      await directory.close();
    }
    expect(next).toBeGreaterThan(100);
  }, 60_000);

  it("lets another process read and write meanwhile", async () => {
    const directory = EmbeddedDirectory.open(state);
    const running = changeUntilKilled(state, 0, 400);
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
    checkSteps(directory, acknowledged + beyond);
    for (let round = 0; round < 60; round += 10) expect(directory.bySam(`own${round}`)).toBeDefined();
    expect(versions).toBeGreaterThan(3);
    await directory.close();
  }, 60_000);
});
