// A domain with many hosts whose services and listeners are processes of their own, from the bundled command.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectHostAs } from "../../packages/cli/src/session/connect-host.ts";
import { readWorkstation, type Workstation } from "../../packages/cli/src/session/workstation.ts";
import { usualComputerSpns } from "../../packages/directory/src/index.ts";
import type { HyperVClient } from "../../packages/hyperv/src/index.ts";
import { createControllerState, exportKeytab } from "../../packages/kdc/src/index.ts";
import { type Credential, encodeKeytab } from "../../packages/kerberos/src/index.ts";
import { bundle } from "../../tools/bundle.mjs";

const realm = "FLEET.TEST";
const password = "Fleet-Passw0rd.1";
const root = join(import.meta.dirname, "../..");

/** CPU time in ms, from the scheduler's own books. */
export interface FleetCpu {
  readonly services: number;
  readonly listeners: number;
  readonly controller: number;
}

export class Fleet {
  readonly hosts: readonly string[];
  readonly #directory: string;
  readonly #subnet: string;
  readonly #processes: ChildProcess[] = [];
  #workstation: Workstation | undefined;
  #tgt: Credential | undefined;

  private constructor(directory: string, subnet: string, hosts: readonly string[]) {
    this.#directory = directory;
    this.#subnet = subnet;
    this.hosts = hosts;
  }

  static async up(subnet: string, size: number): Promise<Fleet> {
    const names = Array.from({ length: size }, (_, index) => `kvm${String(index + 1).padStart(3, "0")}`);
    const fleet = new Fleet(await mkdtemp(join(tmpdir(), "wbf-")), subnet, names);
    try {
      await fleet.#start();
      return fleet;
    } catch (error) {
      await fleet.down();
      throw error;
    }
  }

  fullName(host: string): string {
    return `${host}.${realm.toLowerCase()}`;
  }

  /** A connection to a host's management, as the person who may do everything. */
  connect(host: string): HyperVClient {
    if (this.#tgt === undefined || this.#workstation === undefined) throw new Error("not signed in");
    return connectHostAs(this.#tgt, host, this.#workstation);
  }

  /** Defines and starts machines that are stubs. */
  async populate(host: string, count: number): Promise<void> {
    const client = this.connect(host);
    try {
      for (let index = 0; index < count; index++) {
        const definition = { name: `${host}-vm${index + 1}`, uuid: randomUUID(), memoryMiB: 16 };
        await client.defineVm({
          name: definition.name,
          id: definition.uuid,
          document: { format: "waybill-vm/1", text: JSON.stringify(definition) },
        });
        await (await client.requestVmState(definition.uuid, "running"))?.wait();
      }
    } catch (error) {
      throw new Error(`${host}: ${String(error)}\n${this.log(host).slice(-3000)}`, { cause: error });
    } finally {
      client.close();
    }
  }

  /** CPU time used so far by each kind of process. */
  cpu(): FleetCpu {
    const used = { services: 0, listeners: 0, controller: 0 };
    const mark = `${this.#directory}/`;
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      const words = textOf(`/proc/${pid}/cmdline`).split("\0");
      if (words[1] !== join(this.#directory, "waybill.mjs") || !words.some((word) => word.startsWith(mark)))
        continue;
      const kind = words[2] === "dc" ? "controller" : words[3] === "listener" ? "listeners" : "services";
      used[kind] += processCpu(Number(pid));
    }
    return used;
  }

  log(host: string): string {
    return textOf(join(this.#directory, `${host}.log`));
  }

  async down(): Promise<void> {
    const ended = this.#processes.map(
      (child) =>
        new Promise<void>((resolve) =>
          child.exitCode === null ? child.once("exit", () => resolve()) : resolve(),
        ),
    );
    for (const child of this.#processes) child.kill("SIGTERM");
    const timer = setTimeout(() => {
      for (const child of this.#processes) child.kill("SIGKILL");
    }, 10_000);
    await Promise.all(ended);
    clearTimeout(timer);
    for (const host of this.hosts) {
      const parent = join(this.#directory, host, "r", "vm");
      for (const machine of await readdir(parent).catch(() => [])) {
        const file = join(parent, machine, "run", "qemu.pid");
        const pid = Number(textOf(file));
        if (pid > 1 && textOf(`/proc/${pid}/cmdline`).includes(file)) process.kill(pid, "SIGKILL");
      }
    }
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #start(): Promise<void> {
    await this.#bundle();
    execFileSync("gcc", [
      "-O2",
      "-o",
      join(this.#directory, "qemu-stub"),
      join(import.meta.dirname, "qemu-stub.c"),
    ]);
    await this.#createDomain();
    this.#run("dc", [
      "dc",
      "serve",
      "--state",
      join(this.#directory, "dc"),
      "--listen",
      `${this.#subnet}.250`,
    ]);
    await this.#until(() => this.log("dc").includes("dc.ready"), "the controller");
    // A few at a time: what this machine needs to start so many is not measured.
    await inTurn(this.hosts, 4, async (host) => {
      this.#run(host, ["host", "run", "--config", join(this.#directory, host, "host.yaml")]);
      await this.#until(async () => await answers(this.#address(host), 5985), host);
    });
    this.#workstation = readWorkstation({
      KRB5_CONFIG: join(this.#directory, "krb5.conf"),
      WAYBILL_CONFIG: join(this.#directory, "workstation.yaml"),
      KRB5CCNAME: join(this.#directory, "cc"),
    });
    this.#tgt = await this.#workstation.client.login({
      principal: { realm, nameType: 1, components: ["alice"] },
      password,
      forwardable: true,
    });
  }

  /** As it is installed: without a loader that compiles. */
  async #bundle(): Promise<void> {
    await symlink(join(root, "node_modules"), join(this.#directory, "node_modules"));
    await bundle({ waybill: join(root, "packages/cli/src/main.ts") }, this.#directory);
  }

  async #createDomain(): Promise<void> {
    const controller = `${this.#subnet}.250`;
    const directory = createControllerState(join(this.#directory, "dc"), {
      realm,
      administratorPassword: password,
    });
    try {
      directory.createGroup({ name: "VM Operators" });
      directory.createUser({ name: "alice", password });
      directory.addMember("VM Operators", "alice");
      for (const host of this.hosts)
        directory.createComputer({
          name: host.toUpperCase(),
          dnsHostName: this.fullName(host),
          migration: true,
        });
      for (const [index, host] of this.hosts.entries()) {
        const next = this.next(index);
        const to = [
          ...usualComputerSpns(next.toUpperCase(), this.fullName(next), true).filter((spn) =>
            spn.startsWith("Microsoft"),
          ),
          `cifs/${this.fullName(next)}`,
        ];
        directory.setDelegation(host.toUpperCase(), { to, protocol: "kerberos" });
        await this.#configure(host, encodeKeytab(exportKeytab(directory, `${host.toUpperCase()}$`)));
      }
    } finally {
      await directory.close();
    }
    await writeFile(
      join(this.#directory, "krb5.conf"),
      `[libdefaults]\n default_realm = ${realm}\n[realms]\n ${realm} = {\n  kdc = ${controller}\n }\n`,
    );
    const hosts = Object.fromEntries(
      this.hosts.map((host) => [this.fullName(host), { address: this.#address(host), port: 5985 }]),
    );
    await writeFile(join(this.#directory, "workstation.yaml"), JSON.stringify({ hosts }));
  }

  /** Where the machines of a host go. */
  next(index: number): string {
    return this.hosts[(index + 1) % this.hosts.length] ?? "";
  }

  async #configure(host: string, keytab: Uint8Array): Promise<void> {
    const directory = join(this.#directory, host);
    await mkdir(directory, { mode: 0o700 });
    await writeFile(join(directory, "host.keytab"), keytab, { mode: 0o600 });
    const address = this.#address(host);
    const config = {
      host: this.fullName(host),
      realm,
      keytab: join(directory, "host.keytab"),
      "krb5-conf": join(this.#directory, "krb5.conf"),
      directory: { address: `${this.#subnet}.250`, port: 389, name: `dc1.${realm.toLowerCase()}` },
      state: join(directory, "s"),
      run: join(directory, "r"),
      listen: { address },
      migration: { address },
      peers: Object.fromEntries(
        this.hosts.map((name) => [this.fullName(name), { address: this.#address(name), port: 6600 }]),
      ),
      accelerator: "tcg",
      "qemu-binary": join(this.#directory, "qemu-stub"),
      storage: [directory],
      access: [
        {
          who: ["VM Operators"],
          may: ["list", "operate", "define", "move-out", "accept", "configure", "audit"],
        },
      ],
    };
    await writeFile(join(directory, "host.yaml"), JSON.stringify(config));
  }

  #address(host: string): string {
    return `${this.#subnet}.${this.hosts.indexOf(host) + 1}`;
  }

  #run(name: string, args: readonly string[]): void {
    const script = join(this.#directory, "waybill.mjs");
    const log = join(this.#directory, `${name}.log`);
    const child = spawn(
      "sh",
      ["-c", 'log=$1; shift; exec "$@" >>"$log" 2>&1', "sh", log, process.execPath, script, ...args],
      { stdio: "ignore" },
    );
    this.#processes.push(child);
  }

  async #until(ready: () => boolean | Promise<boolean>, what: string): Promise<void> {
    const end = performance.now() + 120_000;
    while (!(await ready())) {
      if (performance.now() > end) throw new Error(`${what} did not come up: ${this.log(what).slice(-1000)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Works on all of them, some at once. */
export async function inTurn<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = [...items];
  const worker = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

async function answers(host: string, port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = createConnection({ host, port });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function processCpu(pid: number): number {
  const tasks = `/proc/${pid}/task`;
  if (!existsSync(tasks)) return 0;
  return readdirSync(tasks)
    .map((task) => Number(textOf(`${tasks}/${task}/schedstat`).split(" ")[0]) / 1e6)
    .reduce((sum, value) => sum + (Number.isNaN(value) ? 0 : value), 0);
}
