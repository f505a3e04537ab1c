import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { migrationSteps } from "../src/migration/steps.ts";
import { type Fault, strike } from "./support/strike.ts";
import { TwoHosts } from "./support/two-hosts.ts";

/** Steps that only a move with disks takes. */
const ofDisks = new Set(["source:disks-copied", "source:storage-closed", "destination:storage-closed"]);
const steps = migrationSteps.filter((step) => !ofDisks.has(step));

const everywhere: readonly Fault[] = [
  "kill the source's service",
  "kill the destination's service",
  "kill the source's QEMU",
  "kill the destination's QEMU",
  "cut the connection",
];
/** Where what a crash means changes: for the combinations. */
const turningPoints = [
  "source:completed",
  "source:surrendered",
  "destination:arrived",
  "destination:owned",
] as const;
const combined: readonly Fault[] = [
  "kill both services",
  "kill both QEMUs",
  "kill the source's service and QEMU",
  "kill the destination's service and QEMU",
  "cut the connection for a while",
];

describe("exactly one copy runs, whatever fails", () => {
  let world: TwoHosts;
  beforeAll(async () => {
    world = await TwoHosts.start();
  });
  afterAll(async () => await world.close());

  test("nothing fails: there and back, and the host that gave it up forgets it", async () => {
    for (let round = 0; round < 2; round++) {
      const from = world.home;
      expect(await world.outcome(from, await world.move(from))).toMatchObject({ state: "completed" });
      expect(await world.settled()).toBe(world.other(from));
    }
  });

  describe.each(steps)("at %s", (step) => {
    test.each(everywhere)("%s", async (fault) => {
      const result = await strike(world, { step, fault });
      expect(result).toMatchObject({ struck: true });
      expect(world.copies.violations).toEqual([]);
    });
  });

  describe.each(turningPoints)("at %s", (step) => {
    test.each(combined)("%s", async (fault) => {
      const result = await strike(world, { step, fault });
      expect(result).toMatchObject({ struck: true });
      expect(world.copies.violations).toEqual([]);
    });
  });

  test.each(["source:registered", "source:completed", "destination:greeted", "destination:arrived"] as const)(
    "the journal's disk is full at %s",
    async (step) => {
      const result = await strike(world, { step, fault: "fail the step" });
      expect(result).toMatchObject({ struck: true });
      expect(world.copies.violations).toEqual([]);
    },
  );
});
