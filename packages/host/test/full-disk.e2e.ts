import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type MigrationStep, migrationSteps } from "../src/migration/steps.ts";
import type { TestHost } from "./support/test-host.ts";
import { TwoHosts } from "./support/two-hosts.ts";
import { type WritingMachine, writingMachine } from "./support/writing-machine.ts";

const steps: readonly MigrationStep[] = migrationSteps.filter((step) => !/disks|storage/.test(step));

describe("the journal's file system is really full (ENOSPC from the kernel)", () => {
  let world: TwoHosts;
  beforeAll(async () => {
    world = await TwoHosts.start({ smallDisk: () => ({ folder: "state", bytes: 16 << 20 }) });
  });
  afterAll(async () => await world?.close());
  afterEach(() => {
    world.onStep = async () => "go";
    for (const host of world.hosts) host.disk?.makeRoom();
  });

  test.each(steps)(
    "from %s on: exactly one copy runs, at the latest when there is room again",
    async (step) => {
      const from = world.home;
      let struck = false;
      world.onStep = async (host, reached) => {
        if (struck || reached !== step) return "go";
        struck = true;
        host.disk?.fill();
        return "go";
      };
      const job = await world.move(from);
      await world.until(() => struck, `${step} is reached`);
      await over(world, job, 5000);
      expect(world.copies.violations).toEqual([]);
      for (const host of world.hosts) host.disk?.makeRoom();
      await world.settled();
      expect(world.copies.violations).toEqual([]);
      // And what was full works again.
      world.onStep = async () => "go";
      expect(await world.outcome(world.home, await world.move(world.home))).toMatchObject({
        state: "completed",
      });
      await world.settled();
    },
  );

  describe.each(["source:completed", "destination:registered"] as const)(
    "at %s even the room that the journal had put aside is used up",
    (step) => {
      test("the guest runs in one place, and everything settles when there is room again", async () => {
        const from = world.home;
        const sessions = new Map(
          await Promise.all(world.hosts.map(async (host) => [host, await host.as(world.alice)] as const)),
        );
        let defined: string[] = [];
        let victim = from;
        world.onStep = async (host, reached) => {
          if (defined.length > 0 || reached !== step) return "go";
          victim = host;
          host.disk?.fill();
          defined = await fillJournal(sessions.get(host), host.storage);
          return "go";
        };
        const job = await world.move(from);
        await world.until(() => defined.length > 0, `${step} is reached`);
        await over(world, job, 5000);
        expect(world.copies.violations).toEqual([]);
        await world.until(() => victim.log.includes("JOURNAL_UNWRITABLE"), "the host says so");
        victim.disk?.makeRoom();
        const { host, caller } = await victim.as(world.alice);
        for (const id of defined) await host.removeVirtualMachine(caller, id).catch(() => undefined);
        await world.settled();
        expect(world.copies.violations).toEqual([]);
        world.onStep = async () => "go";
        let next: string | undefined;
        await world.until(async () => {
          next = await world.move(world.home).catch(() => undefined);
          return next !== undefined;
        }, "what failed for want of room is written off");
        expect(await world.outcome(world.home, next ?? "")).toMatchObject({ state: "completed" });
        await world.settled();
      });
    },
  );
});

describe("the destination's storage is really full", () => {
  let world: TwoHosts;
  let machine: WritingMachine;
  beforeAll(async () => {
    machine = writingMachine();
    world = await TwoHosts.start({
      machine: machine.describe,
      smallDisk: (host) => (host === "kvm02" ? { folder: "storage", bytes: 16 << 20 } : undefined),
    });
  });
  afterAll(async () => await world?.close());

  test("while the disk is being copied: the guest goes on where it was, and no write is lost", async () => {
    const from = world.home;
    const to = world.other(from);
    await world.until(() => machine.acknowledged(world, from) > 0, "the guest writes");
    let struck = false;
    world.onStep = async (_host, reached) => {
      if (reached === "destination:listening" && !struck) {
        struck = true;
        to.disk?.fill();
      }
      return "go";
    };
    const job = await world.outcome(from, await world.move(from, { type: "vmAndStorage" }));
    expect(struck).toBe(true);
    expect(job).toMatchObject({
      state: "exception",
      errorDescription: expect.stringMatching(/space|copy|disk/i),
    });
    expect(await world.settled()).toBe(from);
    expect(await machine.lostWrites(world)).toBeUndefined();
    to.disk?.makeRoom();
    expect(await world.outcome(from, await world.move(from, { type: "vmAndStorage" }))).toMatchObject({
      state: "completed",
    });
    expect(await world.settled()).toBe(to);
  });
});

/** Waits for the job's end, or for as long as nothing can end it while there is no room. */
async function over(world: TwoHosts, job: string, patience: number): Promise<void> {
  const end = Date.now() + patience;
  while (Date.now() < end) {
    const seen = await Promise.all(
      world.hosts.map(async (host) => await world.job(host, job).catch(() => undefined)),
    );
    if (
      seen.some((each) => each !== undefined && ["completed", "exception", "terminated"].includes(each.state))
    )
      return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Defines machines until the journal has no room for another, however small. */
async function fillJournal(
  session: Awaited<ReturnType<TestHost["as"]>> | undefined,
  storage: string,
): Promise<string[]> {
  if (session === undefined) throw new Error("nobody is signed in");
  const { host, caller } = session;
  const defined: string[] = [];
  // Long paths first, so that a few machines are enough.
  for (const disks of [8, 0]) {
    for (;;) {
      const id = randomUUID();
      const definition = {
        name: `filler-${id}`,
        uuid: id,
        memoryMiB: 16,
        disks: Array.from({ length: disks }, (_, index) => ({
          id: `disk${index}`,
          path: `${storage}/${index}${"x".repeat(3900)}`,
          format: "raw",
          readOnly: true,
        })),
      };
      const text = JSON.stringify(definition);
      try {
        const document = { format: "waybill-vm/1", text };
        await host.defineVirtualMachine(caller, { name: definition.name, id, document });
      } catch (error) {
        const { code } = error as { code?: string };
        if (code === "JOURNAL_UNWRITABLE") break;
        if (code !== "AUDIT_UNWRITABLE") throw error;
      }
      defined.push(id);
    }
  }
  return defined;
}
