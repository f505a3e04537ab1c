import { sleep } from "@waybill/base";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { migrationSteps } from "../src/migration/steps.ts";
import { type Fault, type Strike, strike } from "./support/strike.ts";
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

  /** The move comes as far as the step, is struck there, and never do two copies run. */
  const survives = async (order: Strike): Promise<void> => {
    const { struck, error } = await strike(world, order);
    expect(struck, `never came to ${order.step}: ${error}\n${world.logs()}`).toBe(true);
    expect(world.copies.violations).toEqual([]);
  };

  test("nothing fails: there and back, and the host that gave it up forgets it", async () => {
    for (let round = 0; round < 2; round++) {
      const from = world.home;
      expect(await world.outcome(from, await world.move(from))).toMatchObject({ state: "completed" });
      expect(await world.settled()).toBe(world.other(from));
    }
  });

  describe.each(steps)("at %s", (step) => {
    test.each(everywhere)("%s", async (fault) => {
      await survives({ step, fault });
    });
  });

  describe.each(turningPoints)("at %s", (step) => {
    test.each(combined)("%s", async (fault) => {
      await survives({ step, fault });
    });
  });

  test("a move begun while its destination still makes the last one's copy is not refused for that", async () => {
    const from = world.home;
    let go = (): void => {};
    const held = new Promise<void>((resolve) => {
      go = resolve;
    });
    let struck = "";
    world.onStep = async (_host, step, migration) => {
      if (step !== "destination:registered" || (struck !== "" && struck !== migration)) return "go";
      struck = migration;
      world.links[world.hosts.indexOf(from)]?.cut();
      await held;
      return "go";
    };
    expect(await world.outcome(from, await world.move(from))).toMatchObject({ state: "exception" });
    const again = await world.move(from);
    await sleep(300);
    go();
    expect(await world.outcome(from, again)).toMatchObject({ state: "completed" });
    expect(await world.settled()).toBe(world.other(from));
    expect(world.copies.violations).toEqual([]);
  });

  test.each(["source:registered", "source:completed", "destination:greeted", "destination:arrived"] as const)(
    "the journal's disk is full at %s",
    async (step) => {
      await survives({ step, fault: "fail the step" });
    },
  );
});
