import { randomBytes, randomUUID } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sleep } from "@waybill/base";
import type { Job, MigrationRequest, VirtualMachine } from "@waybill/hyperv";
import { type TestDomain, testPassword } from "@waybill/kdc/testing";
import type { Credential } from "@waybill/kerberos";
import { migrationServiceClass } from "../../src/index.ts";
import type { MigrationStep } from "../../src/migration/steps.ts";
import { Copies } from "./copies.ts";
import { startController, type TestController } from "./domain-controller.ts";
import { Link } from "./link.ts";
import type { SmallDiskWish } from "./small-disk.ts";
import { TestHost, type Verdict } from "./test-host.ts";

export type StepWatcher = (host: TestHost, step: MigrationStep, migration: string) => Promise<Verdict>;

export interface TwoHostsOptions {
  /** Entries of both hosts' configurations. */
  readonly config?: (host: string, address: string) => Readonly<Record<string, unknown>>;
  /** What the machine is made of; a quiet one of 16 MiB that boots nothing unless given. */
  readonly machine?: (directory: string) => Promise<Readonly<Record<string, unknown>>>;
  readonly protocol?: "kerberos" | "any";
  /** A file system of its own for a folder of a host; takes root. */
  readonly smallDisk?: (host: string) => SmallDiskWish | undefined;
}

/** A domain, two hosts, one machine: everything a migration takes, in one folder and on loopback. */
export class TwoHosts {
  readonly directory: string;
  readonly controller: TestController;
  readonly domain: TestDomain;
  readonly hosts: readonly [TestHost, TestHost];
  readonly vm: string;
  readonly copies: Copies;
  readonly alice: Credential;
  /** From the first to the second host, and back. */
  readonly links: readonly [Link, Link];
  /** First three bytes of both hosts' addresses. */
  readonly subnet: string;
  onStep: StepWatcher = async () => "go";

  private constructor(
    parts: Pick<TwoHosts, "directory" | "controller" | "hosts" | "vm" | "alice" | "links" | "subnet">,
  ) {
    this.subnet = parts.subnet;
    this.directory = parts.directory;
    this.controller = parts.controller;
    this.domain = parts.controller.domain;
    this.hosts = parts.hosts;
    this.vm = parts.vm;
    this.alice = parts.alice;
    this.links = parts.links;
    this.copies = new Copies(parts.hosts, parts.vm);
  }

  static async start(options: TwoHostsOptions = {}): Promise<TwoHosts> {
    const directory = mkdtempSync(join(tmpdir(), "wbh-"));
    // Whoever QEMU runs as has to reach its sockets.
    chmodSync(directory, 0o711);
    mkdirSync(join(directory, "shared"), { mode: 0o711 });
    const spns = (host: string): string[] =>
      [migrationServiceClass, "cifs"].flatMap((service) => [
        `${service}/${host}.lab.test`,
        `${service}/${host}`,
      ]);
    const protocol = options.protocol ?? "kerberos";
    const controller = await startController({
      groups: [{ name: "VM Operators" }],
      users: [{ name: "alice", password: testPassword, groups: ["VM Operators"] }, "dave"],
      computers: ["KVM01", "KVM02"].map((name) => ({ name, dnsHostName: `${name.toLowerCase()}.lab.test` })),
      delegation: {
        KVM01: { to: spns("kvm02"), protocol },
        KVM02: { to: spns("kvm01"), protocol },
      },
    });
    const { domain, ldap } = controller;
    const krb5Conf = join(directory, "krb5.conf");
    writeFileSync(
      krb5Conf,
      `[libdefaults]\n default_realm = ${domain.realm}\n[realms]\n ${domain.realm} = {\n  kdc = ${domain.server?.host}:${domain.server?.port}\n }\n`,
    );
    const [a = 0, b = 0] = randomBytes(2);
    const subnet = `127.${64 + (a % 64)}.${b}`;
    let self: TwoHosts | undefined;
    const hosts = (["kvm01", "kvm02"] as const).map((name, index) => {
      const own = join(directory, name);
      mkdirSync(own, { mode: 0o711 });
      const address = `${subnet}.${11 + index}`;
      return new TestHost({
        directory: own,
        name,
        address,
        domain,
        operators: "VM Operators",
        krb5Conf,
        config: { directory: ldap, ...options.config?.(name, address) },
        smallDisk: options.smallDisk?.(name),
        onStep: async (...args) => (await self?.onStep(...args)) ?? "go",
      });
    }) as [TestHost, TestHost];
    const links = await Promise.all(
      [12, 11].map((last) => Link.open("127.0.0.1", { host: `${subnet}.${last}`, port: 6600 })),
    );
    for (const [index, host] of hosts.entries()) {
      const other = hosts[1 - index] as TestHost;
      await host.configure({ name: other.fullName, address: "127.0.0.1", port: links[index]?.port ?? 0 });
    }
    const alice = await domain.client.login({
      principal: domain.principal("alice"),
      password: testPassword,
      forwardable: true,
    });
    const vm = randomUUID();
    self = new TwoHosts({ directory, controller, hosts, vm, alice, links: links as [Link, Link], subnet });
    await Promise.all(hosts.map((host) => host.start()));
    const machine = { name: "web01", uuid: vm, memoryMiB: 16, ...(await options.machine?.(directory)) };
    const { host, caller } = await hosts[0].as(alice);
    const text = JSON.stringify(machine);
    await host.defineVirtualMachine(caller, {
      name: "web01",
      id: vm,
      document: { format: "waybill-vm/1", text },
    });
    await host.requestVmState(caller, vm, "running");
    await self.until(() => self.copies.running.length === 1, "the machine runs");
    return self;
  }

  other(host: TestHost): TestHost {
    return host === this.hosts[0] ? this.hosts[1] : this.hosts[0];
  }

  /** The host that runs the machine now. */
  get home(): TestHost {
    const [host] = this.copies.running;
    if (host === undefined) throw new Error("the machine runs nowhere");
    return host;
  }

  async move(from: TestHost, request: Partial<MigrationRequest> = {}): Promise<string> {
    const { host, caller } = await from.as(this.alice);
    const destinationHost = this.other(from).fullName;
    const outcome = await host.migrate(caller, { vmId: this.vm, destinationHost, type: "vm", ...request });
    return outcome.jobId ?? "";
  }

  async job(host: TestHost, id: string): Promise<Job | undefined> {
    const { host: service, caller } = await host.as(this.alice);
    return (await service.listJobs(caller)).find((job) => job.id === id);
  }

  /** Waits for a job's end. */
  async outcome(host: TestHost, id: string, timeout = 120_000): Promise<Job> {
    let job: Job | undefined;
    await this.until(
      async () => {
        job = await this.job(host, id);
        return job === undefined || ["completed", "exception", "terminated"].includes(job.state);
      },
      `job ${id} ends`,
      timeout,
    );
    if (job === undefined) throw new Error(`${host.name} does not know job ${id}`);
    return job;
  }

  async seen(host: TestHost): Promise<VirtualMachine | undefined> {
    const { host: service, caller } = await host.as(this.alice);
    return (await service.listVirtualMachines(caller)).find(({ id }) => id === this.vm);
  }

  /** Waits until both hosts agree on where the machine is, and it runs there and nowhere else. */
  async settled(timeout = 120_000): Promise<TestHost> {
    let said = "";
    const agreed = async (): Promise<boolean> => {
      const views = await Promise.all(this.hosts.map((host) => this.seen(host).catch(String)));
      const copies = [...this.copies.states].map(([{ name }, state]) => `${name} ${state}`).join(", ");
      said = `${copies}; ${views
        .map((view) =>
          typeof view === "object"
            ? `${view.state} ${view.migrating} ${view.statusDescriptions?.join(" ")}`
            : String(view),
        )
        .join(" | ")}`;
      const [here, ...more] = this.hosts.filter((_, index) => typeof views[index] === "object");
      if (here === undefined || more.length > 0) return false;
      const view = views[this.hosts.indexOf(here)];
      if (typeof view !== "object" || view.state !== "running" || view.migrating) return false;
      return this.copies.states.size === 1 && this.copies.states.get(here) === "running";
    };
    await this.until(agreed, () => `exactly one copy runs (${said})`, timeout);
    return this.home;
  }

  async until(
    condition: () => boolean | Promise<boolean>,
    what: string | (() => string),
    timeout = 120_000,
  ): Promise<void> {
    const end = Date.now() + timeout;
    while (!(await condition())) {
      if (Date.now() > end)
        throw new Error(`never: ${typeof what === "string" ? what : what()}\n${this.logs()}`);
      await sleep(20);
    }
  }

  logs(): string {
    return this.hosts
      .map(
        (host) =>
          `--- ${host.name}\n${host.log
            .split("\n")
            .filter((line) => !line.includes("signed-in"))
            .slice(-25)
            .join("\n")}`,
      )
      .join("\n");
  }

  async close(): Promise<void> {
    this.onStep = async () => "never";
    for (const host of this.hosts) await host.kill();
    for (const host of this.hosts) this.copies.kill(host);
    await this.copies.stop();
    for (const link of this.links) link.close();
    for (const host of this.hosts) host.disk?.close();
    await this.controller.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
