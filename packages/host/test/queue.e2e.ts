import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TwoHosts } from "./support/two-hosts.ts";

const names = ["web02", "web03", "web04", "web05"] as const;

describe("two migrations at a time, the rest in order", () => {
  let world: TwoHosts;
  const machines = names.map((name) => ({ name, id: randomUUID() }));
  beforeAll(async () => {
    world = await TwoHosts.start();
    const { host, caller } = await world.hosts[0].as(world.alice);
    for (const { name, id } of machines) {
      const text = JSON.stringify({ name, uuid: id, memoryMiB: 16 });
      await host.defineVirtualMachine(caller, { name, id, document: { format: "waybill-vm/1", text } });
      await host.requestVmState(caller, id, "running");
    }
  });
  afterAll(async () => {
    for (const one of world.hosts) {
      const { host, caller } = await one.as(world.alice);
      for (const { name, id } of await host.listVirtualMachines(caller))
        if (name !== "web01") await host.requestVmState(caller, id, "off");
    }
    await world.close();
  });

  test("the third waits and goes when one has ended; one that waits can be cancelled; another client sees it all", async () => {
    const [from, to] = world.hosts;
    let go = (): void => {};
    const held = new Promise<void>((resolve) => {
      go = resolve;
    });
    const order: string[] = [];
    world.onStep = async (_host, step, migration) => {
      if (step === "source:welcomed") order.push(migration);
      if (step === "source:prepared") await held;
      return "go";
    };
    const { host, caller } = await from.as(world.alice);
    const jobs: string[] = [];
    for (const { id: vmId } of machines) {
      const outcome = await host.migrate(caller, { vmId, destinationHost: to.fullName, type: "vm" });
      jobs.push(outcome.jobId ?? "");
    }
    const [first = "", second = "", third = "", last = ""] = jobs;
    await world.until(() => order.length === 2, "two migrations are under way");

    // A sign-in of its own: what it knows it has from the host.
    const other = await from.as({ ...world.alice });
    expect(other.caller).not.toEqual(caller);
    const seen = async (id: string) => (await other.host.listJobs(other.caller)).find((job) => job.id === id);
    const phase = async (id: string) => (await other.host.migrationProgress(other.caller, id))[0]?.phase;
    expect(await seen(first)).toMatchObject({ state: "running" });
    expect(await seen(second)).toMatchObject({ state: "running" });
    expect(await seen(third)).toMatchObject({ state: "new", cancellable: true });
    expect(await phase(third)).toBe("queued");
    expect(await other.host.hostStatus(other.caller)).toMatchObject({ queuedMigrations: 2 });

    expect(await other.host.cancelJob(other.caller, last)).toMatchObject({ returnValue: 0 });
    await world.until(async () => (await seen(last))?.state === "terminated", "the waiting one is cancelled");
    expect(await seen(last)).toMatchObject({
      errorDescription: expect.stringMatching(/cancelled by alice/),
    });
    expect(order).toHaveLength(2);

    go();
    for (const id of [first, second, third])
      expect(await world.outcome(from, id)).toMatchObject({ state: "completed", percent: 100 });
    expect(order.slice(0, 2).toSorted()).toEqual([first, second].toSorted());
    expect(order.slice(2)).toEqual([third]);
    const there = await to.as(world.alice);
    const arrived = await there.host.listVirtualMachines(there.caller);
    expect(arrived.map(({ name }) => name).toSorted()).toEqual(["web02", "web03", "web04"]);
    const here = (await host.listVirtualMachines(caller)).find(({ name }) => name === "web05");
    expect(here).toMatchObject({ state: "running", migrating: false });
  });
});
