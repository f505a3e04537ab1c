import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { MigrationStep } from "../src/migration/steps.ts";
import { type Fault, strike } from "./support/strike.ts";
import type { TestHost } from "./support/test-host.ts";
import { TwoHosts } from "./support/two-hosts.ts";

const moments: readonly (readonly [Fault, MigrationStep])[] = [
  ["kill the source's service", "source:welcomed"],
  ["kill the source's service", "source:registered"],
  ["kill the source's service", "source:surrendered"],
  ["kill the source's service", "source:take-sent"],
  ["kill the source's service", "source:gone"],
  ["kill the destination's service", "destination:registered"],
  ["kill the destination's service", "destination:owned"],
  ["kill the destination's service", "destination:taken-sent"],
  ["kill both services", "source:surrendered"],
  ["kill both services", "destination:owned"],
];

describe("a service that is killed tells the end of a migration after its restart", () => {
  let world: TwoHosts;
  beforeAll(async () => {
    world = await TwoHosts.start({ config: (_host, address) => ({ metrics: { address, port: 9090 } }) });
  });
  afterAll(async () => await world.close());

  /** What the trail says of each migration that was let in or out here. */
  async function trail(target: TestHost): Promise<Map<string, string[]>> {
    const { host, caller } = await target.as(world.alice);
    const told = new Map<string, string[]>();
    for (const { action, migration = "", outcome, person, assertedBy, peer } of await host.auditRecords(
      caller,
      { vm: "web01" },
    )) {
      if (action !== "move-out" && action !== "accept") continue;
      const key = `${action} ${migration}`;
      expect([person, assertedBy, peer]).toEqual([
        "alice@LAB.TEST",
        "authentication-authority",
        world.other(target).fullName,
      ]);
      told.set(key, [...(told.get(key) ?? []), outcome]);
    }
    return told;
  }

  const metric = async (host: TestHost): Promise<number> => {
    const address = `${world.subnet}.${host === world.hosts[0] ? 11 : 12}`;
    const text = await (await fetch(`http://${address}:9090/metrics`)).text();
    let sum = 0;
    for (const [, count] of text.matchAll(/^waybill_migrations_total\{.*\} (\d+)$/gm)) sum += Number(count);
    return sum;
  };

  test.each(moments)("%s at %s: one last line at each host, and its job is over", async (fault, step) => {
    const before = await Promise.all(world.hosts.map(trail));
    const { struck, from, at } = await strike(world, { step, fault });
    expect(struck, world.logs()).toBe(true);
    const result = at === from ? "failed" : "succeeded";
    await world.until(async () => {
      const now = await Promise.all(world.hosts.map(trail));
      return now.every((told, index) =>
        [...told].filter(([key]) => before[index]?.has(key) !== true).every(([, said]) => said.length > 1),
      );
    }, "the end is told");
    for (const [index, told] of (await Promise.all(world.hosts.map(trail))).entries())
      for (const [key, said] of told)
        if (before[index]?.has(key) !== true) expect([key, ...said]).toEqual([key, "allowed", result]);
    const { host, caller } = await from.as(world.alice);
    const jobs = await host.listJobs(caller);
    expect(jobs.every(({ state }) => ["completed", "exception", "terminated"].includes(state))).toBe(true);
    // Counters begin anew with the process; what came to its end in this one is in them.
    if (fault !== "kill the destination's service" && step !== "source:welcomed")
      expect(await metric(from)).toBe(1);
    expect(world.copies.violations).toEqual([]);
  });

  test("after all of that, and another restart, nothing is told twice", async () => {
    for (const host of world.hosts) {
      await host.kill();
      await host.revive();
    }
    for (const told of await Promise.all(world.hosts.map(trail)))
      for (const [key, said] of told) expect([key, said.length]).toEqual([key, 2]);
  });
});
