import { readFileSync } from "node:fs";
import { join } from "node:path";
import { sleep } from "@waybill/base";
import { type QmpAnswer, QmpClient, type QmpCommand } from "@waybill/qemu";
import type { TestHost } from "./test-host.ts";

/** Watches every copy of one machine through its second QMP socket: never may two run. */
export class Copies {
  /** Moments at which two copies ran; must stay empty. */
  readonly violations: string[] = [];
  readonly #hosts: readonly TestHost[];
  readonly #vm: string;
  readonly #clients = new Map<TestHost, QmpClient>();
  readonly #states = new Map<TestHost, string>();
  #watching = true;
  readonly #work: Promise<void>;

  constructor(hosts: readonly TestHost[], vm: string) {
    this.#hosts = hosts;
    this.#vm = vm;
    this.#work = this.#watch();
  }

  /** QEMU's state of each copy as last seen; a host without one is left out. */
  get states(): ReadonlyMap<TestHost, string> {
    return this.#states;
  }

  get running(): TestHost[] {
    return this.#hosts.filter((host) => this.#states.get(host) === "running");
  }

  pid(host: TestHost): number | undefined {
    return pidOf(host, this.#vm);
  }

  /** Whether the copy on this host was started from its definition, and not by a migration. */
  restarted(host: TestHost): boolean {
    const pid = pidOf(host, this.#vm);
    return (
      pid !== undefined && !readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").includes("-incoming")
    );
  }

  /** `kill -9` of a copy's QEMU. */
  kill(host: TestHost): void {
    const pid = pidOf(host, this.#vm);
    if (pid !== undefined) process.kill(pid, "SIGKILL");
  }

  /** Asks a copy's QEMU. */
  async ask<C extends QmpCommand>(host: TestHost, command: C): Promise<QmpAnswer<C>> {
    for (let tries = 0; ; tries++) {
      const client = this.#clients.get(host);
      if (client !== undefined) return await client.execute(command);
      // The one who watches connects again when a connection was lost.
      if (tries > 500) throw new Error(`${host.name} has no copy`);
      await sleep(20);
    }
  }

  async stop(): Promise<void> {
    this.#watching = false;
    await this.#work;
    for (const client of this.#clients.values()) client.close();
  }

  async #watch(): Promise<void> {
    while (this.#watching) {
      const before: TestHost[] = [];
      for (const host of this.#hosts) if (await this.#runs(host)) before.push(host);
      // Asked one after the other: only if the first still runs after the last did they run together.
      const [first] = before;
      if (first !== undefined && before.length > 1 && (await this.#runs(first)))
        this.violations.push(`${new Date().toISOString()}: ${before.map(({ name }) => name).join(" and ")}`);
      await sleep(10);
    }
  }

  async #runs(host: TestHost): Promise<boolean> {
    try {
      let client = this.#clients.get(host);
      if (client === undefined || client.closed) {
        const socket = join(host.machineDirectory(this.#vm), "run", "observe.sock");
        client = await QmpClient.connect(socket, { timeout: 5000 });
        this.#clients.set(host, client);
      }
      const { status } = await client.execute("query-status", {}, { timeout: 20_000 });
      this.#states.set(host, status);
      return status === "running";
    } catch {
      this.#clients.get(host)?.close();
      this.#clients.delete(host);
      if (pidOf(host, this.#vm) === undefined) this.#states.delete(host);
      return false;
    }
  }
}

function pidOf(host: TestHost, vm: string): number | undefined {
  try {
    const pid = Number(readFileSync(join(host.machineDirectory(vm), "run", "qemu.pid"), "utf8").trim());
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
    return command.includes(host.machineDirectory(vm)) ? pid : undefined;
  } catch {
    return undefined;
  }
}
