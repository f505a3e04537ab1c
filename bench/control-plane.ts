// What moves cost beside moving memory: many hosts, a queue of moves on each, and QEMU replaced by a stub.
import { randomInt } from "node:crypto";
import { Fleet, type FleetCpu, inTurn } from "./control-plane/fleet.ts";
import type { BenchTable } from "./table.ts";

const hosts = Number(process.env.WAYBILL_BENCH_HOSTS ?? 50);
const movesPerHost = Number(process.env.WAYBILL_BENCH_MOVES ?? 20);
const allowed = 200;

export async function run(): Promise<BenchTable> {
  const fleet = await Fleet.up(`127.${randomInt(200, 250)}.${randomInt(1, 250)}`, hosts);
  try {
    await inTurn(fleet.hosts, 4, async (host) => await fleet.populate(host, movesPerHost));
    const before = { ...fleet.cpu(), client: process.cpuUsage() };
    const started = performance.now();
    const moved = await Promise.all(fleet.hosts.map(async (host, index) => await empty(fleet, host, index)));
    const seconds = (performance.now() - started) / 1000;
    const client = process.cpuUsage(before.client);
    const moves = moved.reduce((sum, count) => sum + count, 0);
    const after = fleet.cpu();
    const each = (kind: keyof FleetCpu): number => (after[kind] - before[kind]) / moves;
    const own = (client.user + client.system) / 1000 / moves;
    const all = each("services") + each("listeners") + own;
    return {
      title: `Control plane: ${hosts} hosts, ${movesPerHost} queued moves on each`,
      unit: "ms",
      columns: ["CPU for each move"],
      rows: [
        { name: "services, source and destination", values: [each("services")] },
        { name: "listeners", values: [each("listeners")] },
        { name: "client", values: [own] },
        { name: "services, listeners and client", values: [all] },
        { name: "domain controller", values: [each("controller")] },
      ],
      note: [
        `${moves} moves in ${seconds.toFixed(0)} s, ${(moves / seconds).toFixed(1)} a second; every service and listener is a process of its own.`,
        `QEMU is a stub and not counted; starting its processes is. Allowed: ${allowed} ms: ${all < allowed ? "met" : "missed"}.`,
      ].join("\n"),
    };
  } finally {
    await fleet.down();
  }
}

/** Queues all moves of a host over one connection and follows them to their ends; how many arrived. */
async function empty(fleet: Fleet, host: string, index: number): Promise<number> {
  const client = fleet.connect(host);
  try {
    const machines = (await client.listVms()).filter(({ name }) => name.startsWith(`${host}-`));
    const destinationHost = fleet.fullName(fleet.next(index));
    const jobs = [];
    for (const { id } of machines) jobs.push(await client.migrate({ vmId: id, destinationHost, type: "vm" }));
    for (const job of jobs) await job.wait({ interval: 1000 });
    return jobs.length;
  } catch (error) {
    throw new Error(`${host}: ${String(error)}\n${fleet.log(host).slice(-3000)}`, { cause: error });
  } finally {
    client.close();
  }
}
