import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { TwoHosts } from "./support/two-hosts.ts";

describe("a move, seen by the people who follow it", () => {
  let world: TwoHosts;
  beforeAll(async () => {
    world = await TwoHosts.start({ config: (_host, address) => ({ metrics: { address, port: 9090 } }) });
  });
  afterAll(async () => await world.close());
  afterEach(() => {
    world.onStep = async () => "go";
  });

  test.each([
    "source:welcomed",
    "source:registered",
    "source:prepared",
    "source:memory-sent",
    "source:completed",
  ] as const)("cancelled at %s by another client: the guest goes on where it was", async (step) => {
    const from = world.home;
    const pid = world.copies.pid(from);
    world.onStep = async (_host, reached, migration) => {
      if (reached !== step) return "go";
      const { host, caller } = await from.as(world.alice);
      expect(await host.cancelJob(caller, migration)).toMatchObject({ returnValue: 0 });
      return "go";
    };
    const job = await world.outcome(from, await world.move(from));
    expect(job).toMatchObject({
      state: "terminated",
      errorDescription: expect.stringMatching(/cancelled by alice/),
    });
    expect(await world.settled()).toBe(from);
    expect(world.copies.pid(from)).toBe(pid);
    expect(world.copies.violations).toEqual([]);
  });

  test("cancelled once the machine is given up: too late, and the host says so", async () => {
    const from = world.home;
    world.onStep = async (_host, reached, migration) => {
      if (reached !== "source:surrendered") return "go";
      const { host, caller } = await from.as(world.alice);
      await host.cancelJob(caller, migration);
      return "go";
    };
    expect(await world.outcome(from, await world.move(from))).toMatchObject({ state: "completed" });
    expect(await world.settled()).toBe(world.other(from));
  });

  test("a client that connects again, to a service that was restarted, finds its job and its end", async () => {
    const from = world.home;
    let struck = false;
    world.onStep = async (host, reached) => {
      if (struck || reached !== "source:take-sent") return "go";
      struck = true;
      await host.kill();
      return "go";
    };
    const id = await world.move(from);
    await world.until(() => struck, "the service is killed");
    await from.revive();
    expect(await world.outcome(from, id)).toMatchObject({ state: "completed" });
    await world.settled();
  });

  test("a destination that stays silent after the hand-over: one paused copy, which says what it waits for", async () => {
    const from = world.home;
    const to = world.other(from);
    let struck = false;
    world.onStep = async (_host, reached) => {
      if (struck || reached !== "source:surrendered") return "go";
      struck = true;
      await to.kill();
      return "go";
    };
    await world.move(from);
    await world.until(
      async () => /asked again/.test((await world.seen(from))?.statusDescriptions?.join(" ") ?? ""),
      "a note",
    );
    expect(await world.seen(from)).toMatchObject({
      state: "paused",
      health: "minor",
      statusDescriptions: expect.arrayContaining([expect.stringContaining(`handed over to ${to.fullName}`)]),
    });
    expect(world.copies.running).toEqual([]);
    await to.revive();
    expect(await world.settled()).toBe(to);
    expect(world.copies.violations).toEqual([]);
  });

  test("a second move of the same machine is refused while the first is under way", async () => {
    const from = world.home;
    let refusal: unknown;
    world.onStep = async (_host, reached) => {
      if (reached === "source:registered") refusal = await world.move(from).catch((error: unknown) => error);
      return "go";
    };
    await world.outcome(from, await world.move(from));
    expect(refusal).toMatchObject({ code: "ALREADY_MOVING" });
    await world.settled();
  });

  test("post-copy: the guest runs over there before its memory is complete, and nothing is left here", async () => {
    const from = world.home;
    const job = await world.outcome(from, await world.move(from, { options: { postCopy: true } }));
    expect(job).toMatchObject({ state: "completed" });
    expect(await world.settled()).toBe(world.other(from));
    expect(world.copies.violations).toEqual([]);
  });

  test.each([
    ["tcpip", false, 2, "none"],
    ["compression", true, 1, "zstd"],
    ["multifd", true, 2, "none"],
  ] as const)(
    "performance option %s: QEMU transfers that way",
    async (performance, multifd, channels, how) => {
      const from = world.home;
      const to = world.other(from);
      const job = await world.outcome(from, await world.move(from, { options: { performance } }));
      expect(job).toMatchObject({ state: "completed" });
      expect(await world.settled()).toBe(to);
      const capabilities = await world.copies.ask(to, "query-migrate-capabilities");
      expect(capabilities.get("multifd")).toBe(multifd);
      const parameters = await world.copies.ask(to, "query-migrate-parameters");
      expect(parameters).toMatchObject({ "multifd-channels": channels, "multifd-compression": how });
    },
  );

  test("migration networks decide which address memory travels to; none that fits is a clear error", async () => {
    const from = world.home;
    const to = world.other(from);
    const { host, caller } = await to.as(world.alice);
    const network = { subnet: "203.0.113.0", prefixLength: 24, metric: 0, tags: [] };
    await host.addMigrationNetworks(caller, [network]);
    const failed = await world.outcome(from, await world.move(from));
    expect(failed.errorDescription).toMatch(/migration networks \(203\.0\.113\.0\/24\)/);
    await world.settled();
    await host.addMigrationNetworks(caller, [
      { ...network, subnet: "127.0.0.0", prefixLength: 8, metric: 1 },
    ]);
    expect(await world.outcome(from, await world.move(from))).toMatchObject({ state: "completed" });
    await host.removeMigrationNetworks(caller, ["203.0.113.0/24", "127.0.0.0/8"]);
    await world.settled();
  });

  test("metrics count what happened, without names", async () => {
    let text = "";
    await world.until(async () => {
      text = await (await fetch(`http://${world.subnet}.11:9090/metrics`)).text();
      return /waybill_migrations_running 0/.test(text);
    }, "no migration is under way");
    expect(text).toMatch(/waybill_migrations_total\{outcome="\w+",storage="false"\} \d/);
    expect(text).not.toMatch(/alice|web01/);
  });

  test("the audit trail of both hosts names the person, the delegating host and how identity was asserted", async () => {
    for (const target of world.hosts) {
      const { host, caller } = await target.as(world.alice);
      const records = await host.auditRecords(caller, { vm: "web01" });
      const moved = records.find(({ action, outcome }) => action === "move-out" && outcome === "succeeded");
      expect(moved).toMatchObject({
        person: "alice@LAB.TEST",
        assertedBy: "authentication-authority",
        evidence: "ticket",
      });
      expect(
        records.find(({ action, outcome }) => action === "accept" && outcome === "allowed"),
      ).toMatchObject({
        person: "alice@LAB.TEST",
        delegatingHost: expect.stringMatching(/kvm0[12]/i),
      });
      expect(records.some(({ eventId }) => eventId === 20418)).toBe(true);
      // Of every record, those of the end included.
      expect(new Set(records.map(({ assertedBy }) => assertedBy))).toEqual(
        new Set(["authentication-authority"]),
      );
    }
  });

  test("a dead directory takes no right away: who the rules name is remembered across a restart", async () => {
    const [host] = world.hosts;
    await world.controller.stopLdap();
    await host.kill();
    await host.revive();
    const { host: service, caller } = await host.as(world.alice);
    expect((await service.hostStatus(caller)).callerRights).toContain("move-out");
    await world.until(() => host.log.includes("access-names-not-refreshed"), "the host says so");
  });

  test("several ask for the machine to be started at once: one QEMU, and all are content", async () => {
    const from = world.home;
    const { host, caller } = await from.as(world.alice);
    await host.requestVmState(caller, world.vm, "off");
    await world.until(() => world.copies.running.length === 0, "it is off");
    const answers = await Promise.all(
      [1, 2, 3].map(async () => await host.requestVmState(caller, world.vm, "running")),
    );
    expect(answers.map(({ returnValue }) => returnValue)).toEqual([0, 0, 0]);
    expect(await world.settled()).toBe(from);
  });
});
