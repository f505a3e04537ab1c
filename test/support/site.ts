import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { copyFile, mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sleep } from "@waybill/base";
import { usualComputerSpns } from "@waybill/directory";
import { createControllerState, exportKeytab } from "@waybill/kdc";
import { encodeKeytab } from "@waybill/kerberos";
import { buildGuest, type NetworkAttachment, QmpClient, VirtualMachine } from "@waybill/qemu";
import { type Outcome, runToEnd, waybillCommand } from "../../packages/cli/test/support/waybill.ts";

export type Part = "dc" | "kvm01" | "kvm02" | "workstation";
export const siteHosts = ["kvm01", "kvm02"] as const;
export type SiteHost = (typeof siteHosts)[number];

export interface SiteWish {
  /** Where each part listens. */
  readonly addresses: Readonly<Record<"dc" | SiteHost, string>>;
  /** What a program of this part is started with, as `ip netns exec …`. */
  readonly enter?: (part: Part) => readonly string[];
  /** What the machines' network called `lan` is on each host. */
  readonly network?: (host: SiteHost, directory: string) => Promise<NetworkAttachment> | NetworkAttachment;
  /** Whether hosts may act for people who did not sign in with Kerberos: `any` is protocol transition. */
  readonly protocol?: "kerberos" | "any";
  /** Additional entries of the hosts' configuration. */
  readonly config?: Readonly<Record<string, unknown>>;
}

const realm = "SITE.TEST";
const operators = "VM Operators";
const people = ["alice", "bob", "mallory"] as const;

/**
 * A domain of its own with two hosts, each part a process started as an administrator would start it; the domain
 * controller and the hosts may be in different network namespaces. Alice operates and moves machines, bob defines
 * them, mallory may do nothing.
 */
export class Site {
  readonly directory: string;
  readonly #wish: SiteWish;
  readonly #processes = new Map<string, ChildProcess>();
  readonly #passwords = new Map<string, string>();

  private constructor(directory: string, wish: SiteWish) {
    this.directory = directory;
    this.#wish = wish;
  }

  static async up(wish: SiteWish): Promise<Site> {
    const site = new Site(await mkdtemp(join(tmpdir(), "wbs-")), wish);
    try {
      await site.#start();
    } catch (error) {
      await site.down();
      throw error;
    }
    return site;
  }

  /** A host's full name. */
  name(host: string): string {
    return `${host}.site.test`;
  }

  address(part: "dc" | SiteHost): string {
    return this.#wish.addresses[part];
  }

  /** What a workstation of this domain has in its environment; each person has a cache of their own. */
  environment(person: string): Record<string, string> {
    return {
      KRB5_CONFIG: join(this.directory, "krb5.conf"),
      WAYBILL_CONFIG: join(this.directory, "workstation.yaml"),
      KRB5CCNAME: join(this.directory, `cc-${person}`),
    };
  }

  password(person: string): string {
    return this.#passwords.get(person) ?? "";
  }

  /** Runs a program as a person at the workstation. */
  async as(person: string, command: readonly string[], input = ""): Promise<Outcome> {
    const [program = "", ...args] = [...this.#enter("workstation"), ...command];
    return await runToEnd(program, args, { env: this.environment(person), input });
  }

  async waybill(person: string, ...args: readonly string[]): Promise<Outcome> {
    return await this.as(person, [...waybillCommand, ...args]);
  }

  /** Signs in with MIT's kinit. */
  async signIn(person: string): Promise<void> {
    mustWork(await this.as(person, ["kinit", "-f", person], `${this.password(person)}\n`));
  }

  /** Defines a guest on kvm01 as bob and starts it; its id. @param orders of its init, without `wb.`. */
  async startGuest(
    name: string,
    orders: Readonly<Record<string, string>>,
    wish: { readonly memoryMiB?: number; readonly mac?: string } = {},
  ): Promise<string> {
    const storage = join(this.directory, "storage");
    const words = Object.entries(orders).map(([key, value]) => `wb.${key}=${value}`);
    const definition = {
      name,
      uuid: `5f0e2a5c-6b1d-4f1e-9c55-${randomBytes(6).toString("hex")}`,
      memoryMiB: wish.memoryMiB ?? 128,
      vcpus: 1,
      reportPort: true,
      boot: {
        kernel: join(storage, "kernel"),
        initrd: join(storage, "initrd"),
        commandLine: ["console=ttyS0", "quiet", "panic=-1", ...words].join(" "),
      },
      networks: [
        {
          id: "net0",
          mac: wish.mac ?? "52:54:00:53:00:21",
          attachment: { kind: "named", name: "lan" },
        },
      ],
    };
    const file = join(this.directory, `${name}.json`);
    await writeFile(file, JSON.stringify(definition));
    mustWork(await this.waybill("bob", "vm", "define", file, "--host", "kvm01"));
    mustWork(await this.waybill("bob", "vm", "start", name, "--host", "kvm01"));
    return definition.uuid;
  }

  /** States of the QEMUs on a host, as they say themselves. */
  async states(host: SiteHost): Promise<string[]> {
    const looks = (await this.#places(host)).map(async (place) => {
      const qmp = await QmpClient.connect(join(place, "run", "observe.sock"), { timeout: 20_000 }).catch(
        () => undefined,
      );
      if (qmp === undefined) return [];
      try {
        return [(await qmp.execute("query-status")).status];
      } catch {
        // It ended while it was asked.
        return [];
      } finally {
        qmp.close();
      }
    });
    return (await Promise.all(looks)).flat();
  }

  /** What guests' second serial port has said on a host. */
  async reports(host: SiteHost): Promise<string> {
    const logs = (await this.#places(host)).map((place) => join(place, "run", "report.log"));
    return (await Promise.all(logs.map((path) => readFile(path, "utf8").catch(() => "")))).join("\n");
  }

  /** Where the only guest of a host has its console. */
  async consoleSocket(host: SiteHost): Promise<string> {
    const [place] = await this.#places(host);
    if (place === undefined) throw new Error(`no guest runs on ${host}`);
    return join(place, "run", "console.sock");
  }

  /** Waits until the guest has reported something that fits. */
  async guestSays(host: SiteHost, pattern: RegExp, timeout = 180_000): Promise<string> {
    const end = performance.now() + timeout;
    for (;;) {
      const text = await this.reports(host).catch(() => "");
      const found = pattern.exec(text)?.[0];
      if (found !== undefined) return found;
      if (performance.now() > end)
        throw new Error(`the guest never said ${String(pattern)}: ${text.slice(-500)}`);
      await sleep(100);
    }
  }

  /** CPU time that the processes of a part have used since they started, ms; its QEMUs are not counted. */
  async cpuTime(part: "dc" | SiteHost): Promise<number> {
    const mark = join(this.directory, part === "dc" ? "dc" : join(part, "host.yaml"));
    let ticks = 0;
    for (const pid of await readdir("/proc")) {
      if (!/^\d+$/.test(pid)) continue;
      const words = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0");
      if (!words.includes(mark)) continue;
      const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      ticks += Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
    }
    // Linux counts them in hundredths of a second.
    return ticks * 10;
  }

  async log(part: string): Promise<string> {
    return await readFile(join(this.directory, `${part}.log`), "utf8").catch(() => "");
  }

  pid(part: string): number | undefined {
    return this.#processes.get(part)?.pid;
  }

  async stopPart(part: string): Promise<void> {
    const child = this.#processes.get(part);
    this.#processes.delete(part);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), 20_000);
    await gone;
    clearTimeout(timer);
  }

  async down(): Promise<void> {
    for (const part of this.#processes.keys()) await this.stopPart(part);
    for (const host of siteHosts)
      for (const place of await this.#places(host)) {
        const machine = await VirtualMachine.attach(place, { timeout: 20_000 }).catch(() => undefined);
        await machine?.kill();
      }
    await rm(this.directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }

  #enter(part: Part): readonly string[] {
    return this.#wish.enter?.(part) ?? [];
  }

  async #places(host: SiteHost): Promise<string[]> {
    const parent = join(this.directory, host, "run", "vm");
    return (await readdir(parent).catch(() => [])).map((name) => join(parent, name));
  }

  async #start(): Promise<void> {
    const storage = join(this.directory, "storage");
    await mkdir(storage);
    const image = await buildGuest();
    await copyFile(image.kernel, join(storage, "kernel"));
    await copyFile(image.initrd, join(storage, "initrd"));
    await this.#createDomain();
    await this.#run("dc", [
      "dc",
      "serve",
      "--state",
      join(this.directory, "dc"),
      "--listen",
      this.address("dc"),
    ]);
    await this.#until("dc", async () => {
      if (!(await this.log("dc")).includes("dc.ready")) throw new Error("not ready");
    });
    await Promise.all([
      ...siteHosts.map((host) => this.startHost(host)),
      ...people.map((one) => this.signIn(one)),
    ]);
  }

  async startHost(host: SiteHost): Promise<void> {
    await this.#run(host, ["host", "run", "--config", join(this.directory, host, "host.yaml")]);
    const look = ["curl", "-sS", "--noproxy", "*", `http://${this.address(host)}:5985/`];
    await this.#until(host, async () => void mustWork(await this.as("nobody", look)));
  }

  async #createDomain(): Promise<void> {
    const state = join(this.directory, "dc");
    const made = (name: string): string => {
      const password = `Site-${randomBytes(9).toString("base64url")}1`;
      this.#passwords.set(name, password);
      return password;
    };
    const directory = createControllerState(state, { realm, administratorPassword: made("Administrator") });
    try {
      directory.createGroup({ name: operators });
      for (const name of people) directory.createUser({ name, password: made(name) });
      directory.addMember(operators, "alice", "bob");
      for (const host of siteHosts)
        directory.createComputer({ name: host.toUpperCase(), dnsHostName: this.name(host), migration: true });
      const services = (host: SiteHost): string[] =>
        usualComputerSpns(host.toUpperCase(), this.name(host), true).filter((spn) =>
          /^(?:cifs|Microsoft Virtual System Migration Service)\//i.test(spn),
        );
      const storageServices = (host: SiteHost): string[] => [
        `cifs/${host.toUpperCase()}`,
        `cifs/${this.name(host)}`,
      ];
      for (const [host, other] of [
        ["kvm01", "kvm02"],
        ["kvm02", "kvm01"],
      ] as const)
        directory.setDelegation(host.toUpperCase(), {
          to: [...new Set([...services(other), ...storageServices(other)])],
          protocol: this.#wish.protocol ?? "kerberos",
        });
      const sid = directory.groupBySam(operators)?.sid ?? "";
      for (const host of siteHosts) {
        await mkdir(join(this.directory, host));
        const keytab = encodeKeytab(exportKeytab(directory, `${host.toUpperCase()}$`));
        await writeFile(join(this.directory, host, "host.keytab"), keytab, { mode: 0o600 });
        await this.#configureHost(host, sid);
      }
    } finally {
      await directory.close();
    }
    const dc = this.address("dc");
    await writeFile(
      join(this.directory, "krb5.conf"),
      `[libdefaults]
  default_realm = ${realm}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
  forwardable = true
[realms]
  ${realm} = {
    kdc = ${dc}
    kpasswd_server = ${dc}
  }
[domain_realm]
  .site.test = ${realm}
  site.test = ${realm}
`,
    );
    const hosts = Object.fromEntries(
      siteHosts.map((host) => [this.name(host), { address: this.address(host), port: 5985 }]),
    );
    const ldap = { address: dc, port: 389, name: this.name("dc1") };
    await writeFile(join(this.directory, "workstation.yaml"), JSON.stringify({ hosts, ldap }));
  }

  async #configureHost(host: SiteHost, operatorsSid: string): Promise<void> {
    const directory = join(this.directory, host);
    const [other] = siteHosts.filter((each) => each !== host);
    if (other === undefined) return;
    const lan = (await this.#wish.network?.(host, this.directory)) ?? { kind: "user" };
    const config = {
      host: this.name(host),
      realm,
      keytab: join(directory, "host.keytab"),
      "krb5-conf": join(this.directory, "krb5.conf"),
      state: join(directory, "state"),
      run: join(directory, "run"),
      listen: { address: this.address(host), port: 5985 },
      migration: { address: this.address(host), port: 6600 },
      peers: { [this.name(other)]: { address: this.address(other), port: 6600 } },
      accelerator: "tcg",
      storage: [join(this.directory, "storage")],
      networks: { lan },
      access: [
        {
          who: ["Hyper-V Administrators"],
          may: ["list", "operate", "define", "move-out", "accept", "configure", "audit"],
        },
      ],
      groups: { "Hyper-V Administrators": [operatorsSid] },
      ...this.#wish.config,
    };
    // JSON is YAML.
    await writeFile(join(directory, "host.yaml"), JSON.stringify(config));
  }

  async #run(part: Part, args: readonly string[]): Promise<void> {
    const log = await open(join(this.directory, `${part}.log`), "a", 0o600);
    try {
      const [program = "", ...all] = [...this.#enter(part), ...waybillCommand, ...args];
      const child = spawn(program, all, { stdio: ["ignore", log.fd, log.fd] });
      child.on("error", () => {});
      this.#processes.set(part, child);
    } finally {
      await log.close();
    }
  }

  async #until(part: string, ready: () => Promise<void>): Promise<void> {
    const end = performance.now() + 240_000;
    for (;;) {
      try {
        return await ready();
      } catch (error) {
        if (performance.now() > end)
          throw new Error(
            `${part} did not come up: ${String(error)}\n${(await this.log(part)).slice(-2000)}`,
          );
        await sleep(100);
      }
    }
  }
}

export function mustWork(outcome: Outcome): Outcome {
  if (outcome.code === 0) return outcome;
  throw new Error(`exit ${outcome.code}\n${outcome.stdout}\n${outcome.stderr}`);
}
