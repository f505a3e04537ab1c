import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Fault, strike } from "./support/strike.ts";
import { TwoHosts } from "./support/two-hosts.ts";
import { type WritingMachine, writingMachine } from "./support/writing-machine.ts";

describe("shared-nothing moves: the disks travel, and no acknowledged write is lost", () => {
  let world: TwoHosts;
  let machine: WritingMachine;
  beforeAll(async () => {
    machine = writingMachine();
    world = await TwoHosts.start({ machine: machine.describe });
  });
  afterAll(async () => await world.close());

  test("there and back while the guest writes: each image is removed where it was given up", async () => {
    for (let round = 0; round < 2; round++) {
      const from = world.home;
      await world.until(() => machine.acknowledged(world, from) > 0, "the guest writes");
      const before = machine.acknowledged(world, from);
      const job = await world.move(from, { type: "vmAndStorage" });
      expect(await world.outcome(from, job)).toMatchObject({ state: "completed" });
      const to = await world.settled();
      expect(to).toBe(world.other(from));
      await world.until(() => machine.acknowledged(world, to) > before, "the guest goes on writing");
      expect(existsSync(machine.image(to))).toBe(true);
      await world.until(() => !existsSync(machine.image(from)), "the source's image goes");
    }
    expect(await machine.lostWrites(world)).toBeUndefined();
  });

  const cases: readonly (readonly [Parameters<typeof strike>[1]["step"], Fault])[] = [
    ["destination:registered", "kill the destination's service"],
    ["source:disks-copied", "kill the source's service"],
    ["source:disks-copied", "kill the destination's QEMU"],
    ["source:disks-copied", "cut the connection"],
    ["source:memory-sent", "kill the source's service"],
    ["destination:storage-closed", "kill the destination's service"],
    ["destination:storage-closed", "cut the connection"],
    ["source:storage-closed", "kill the source's service"],
    ["source:storage-closed", "kill the destination's QEMU"],
    ["source:surrendered", "kill the source's QEMU"],
    ["destination:owned", "kill the destination's service and QEMU"],
    ["source:taken", "kill the source's service"],
    ["source:gone", "kill the source's service"],
  ];
  test.each(cases)("at %s: %s", async (step, fault) => {
    const result = await strike(world, { step, fault, withDisks: true });
    expect(result).toMatchObject({ struck: true });
    expect(world.copies.violations).toEqual([]);
    expect(await machine.lostWrites(world)).toBeUndefined();
    const elsewhere = machine.image(world.other(result.at));
    await world.until(() => !existsSync(elsewhere), "the other host's image goes");
  });
});
