import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { EmbeddedDirectory } from "../src/index.ts";
import { changeUntilKilled, checkSteps, workTime } from "./support/killed-process.ts";
import { group } from "./support/numbered-steps.ts";

const wantedChanges = 4000;
const wantedKills = 8;
const patience = 150_000;

// The long form of the unit test: the same directory survives one kill after another over thousands of changes.
it("killed again and again at random moments, loses none of thousands of acknowledged changes", async () => {
  const folder = mkdtempSync(join(tmpdir(), "waybill-durability-"));
  const state = join(folder, "state");
  try {
    const created = EmbeddedDirectory.create(state, { realm: "LAB.TEST" });
    created.createGroup({ name: group });
    await created.close();
    const started = Date.now();
    let next = 0;
    let kills = 0;
    while ((next < wantedChanges || kills < wantedKills) && Date.now() - started < patience) {
      const acknowledged = await changeUntilKilled(state, next, 50 + Math.random() * 1000);
      const { result, milliseconds } = workTime(() => {
        const opened = EmbeddedDirectory.open(state);
        return { directory: opened, beyond: opened.bySam(`u${acknowledged + 1}`) === undefined ? 0 : 1 };
      });
      const { directory, beyond } = result;
      expect(milliseconds).toBeLessThan(1000);
      checkSteps(directory, acknowledged + beyond);
      next = acknowledged + beyond + 1;
      kills++;
      await directory.close();
    }
    expect(kills).toBeGreaterThanOrEqual(wantedKills);
    // A disk that takes a tenth of a second for each change is not this test's business.
    expect(next).toBeGreaterThan(wantedChanges / 40);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
