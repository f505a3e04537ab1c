import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { EmbeddedDirectory } from "../src/index.ts";
import { changeUntilKilled, checkSteps, workTime } from "./support/killed-process.ts";
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
    const moments = [30, 250, 7, 800, 90];
    // On a slow disk it takes more rounds until enough was changed.
    for (let round = 0; round < moments.length || (next <= 100 && round < 30); round++) {
      const lifetime = (moments[round] ?? 1000) + Math.random() * 50;
      const acknowledged = await changeUntilKilled(state, next, lifetime);
      expect(acknowledged).toBeGreaterThanOrEqual(next);
      // The first lookup takes part in what "opens" means.
      const { result, milliseconds } = workTime(() => {
        const opened = EmbeddedDirectory.open(state);
        return { directory: opened, beyond: opened.bySam(`u${acknowledged + 1}`) === undefined ? 0 : 1 };
      });
      const { directory, beyond } = result;
      expect(milliseconds).toBeLessThan(1000);
      checkSteps(directory, acknowledged + beyond);
      next = acknowledged + beyond + 1;
      await directory.close();
    }
    expect(next).toBeGreaterThan(100);
  });

  it("lets another process read and write meanwhile", async () => {
    const directory = EmbeddedDirectory.open(state);
    let over = false;
    const running = changeUntilKilled(state, 0, 400).finally(() => {
      over = true;
    });
    let versions = 0;
    let before = directory.version;
    for (let round = 0; !over || round < 60; round++) {
      await new Promise((resolve) => setTimeout(resolve, 15));
      // Changes of the other process, not of this one.
      if (directory.version !== before) versions++;
      if (round < 60 && round % 10 === 0) directory.createUser({ name: `own${round}` });
      before = directory.version;
    }
    const acknowledged = await running;
    directory.refresh();
    const beyond = directory.bySam(`u${acknowledged + 1}`) === undefined ? 0 : 1;
    checkSteps(directory, acknowledged + beyond);
    for (let round = 0; round < 60; round += 10) expect(directory.bySam(`own${round}`)).toBeDefined();
    expect(versions).toBeGreaterThan(3);
    await directory.close();
  });
});
