// Two libvirt daemons on one machine, each with folders of its own, and a domain that virsh moves between them.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildGuest } from "../packages/qemu/src/index.ts";

export interface LibvirtMove {
  /** From starting virsh to its end, ms. */
  readonly wall: number;
  /** QEMU's own figure, ms. */
  readonly downtime: number | undefined;
}

export interface LibvirtGuest {
  readonly memoryMiB: number;
  /** Of the guest's init, without `wb.`. */
  readonly orders: Readonly<Record<string, string>>;
}

const name = "bench";
const patience = 60_000;

export class LibvirtPair {
  readonly #directory: string;
  readonly #addresses: readonly [string, string];
  readonly #daemons: ChildProcess[] = [];
  #place: 0 | 1 = 0;

  private constructor(directory: string, addresses: readonly [string, string]) {
    this.#directory = directory;
    this.#addresses = addresses;
  }

  /** Why there can be none here; nothing if there can. */
  static obstacle(): string | undefined {
    const missing = ["libvirtd", "virsh"].filter(
      (program) => spawnSync(program, ["--version"]).error !== undefined,
    );
    if (missing.length > 0)
      return `${missing.join(" and ")} not installed (libvirt-daemon-system, libvirt-clients)`;
    return process.getuid?.() === 0 ? undefined : "it takes root";
  }

  static async up(addresses: readonly [string, string], guest: LibvirtGuest): Promise<LibvirtPair> {
    const pair = new LibvirtPair(await mkdtemp(join(tmpdir(), "wbl-")), addresses);
    try {
      for (const side of [0, 1] as const) await pair.#daemon(side);
      await pair.#boot(guest);
      return pair;
    } catch (error) {
      await pair.down();
      throw error;
    }
  }

  /** One `virsh migrate --live --p2p` to the other daemon. */
  async move(): Promise<LibvirtMove> {
    const to = this.#place === 0 ? 1 : 0;
    const started = performance.now();
    const route = ["--p2p", name, this.#url(to), "--migrateuri", `tcp://${this.#addresses[to]}`];
    await this.#virsh(this.#place, "migrate", "--live", ...route);
    const wall = performance.now() - started;
    this.#place = to;
    const info = await this.#virsh(to, "domjobinfo", name, "--completed");
    const downtime = /Total downtime:\s+(\d+)\s+ms/.exec(info)?.[1];
    return { wall, downtime: downtime === undefined ? undefined : Number(downtime) };
  }

  async down(): Promise<void> {
    for (const side of [0, 1] as const) await this.#virsh(side, "destroy", name).catch(() => undefined);
    await Promise.all(
      this.#daemons.map(async (daemon) => {
        if (daemon.exitCode !== null || daemon.signalCode !== null) return;
        const ended = new Promise((resolve) => daemon.once("exit", resolve));
        daemon.kill("SIGTERM");
        const timer = setTimeout(() => daemon.kill("SIGKILL"), 5000);
        await ended;
        clearTimeout(timer);
      }),
    );
    await rm(this.#directory, { recursive: true, force: true });
  }

  #url(side: 0 | 1): string {
    return `qemu+tcp://${this.#addresses[side]}/system`;
  }

  async #daemon(side: 0 | 1): Promise<void> {
    const place = join(this.#directory, String(side));
    const address = this.#addresses[side];
    for (const folder of ["run", "lib", "etc", "cache"])
      await mkdir(join(place, folder), { recursive: true });
    const own = [
      "listen_tls = 0",
      "listen_tcp = 1",
      `listen_addr = "${address}"`,
      'auth_tcp = "none"',
      'auth_unix_rw = "none"',
      'unix_sock_dir = "/run/libvirt"',
      // Two daemons with one machine's number would be one host to libvirt.
      `host_uuid = "${randomUUID()}"`,
      `log_outputs = "3:file:${place}/log"`,
    ];
    await writeFile(join(place, "libvirtd.conf"), `${own.join("\n")}\n`);
    const qemu = [
      'security_driver = "none"',
      'user = "root"',
      'group = "root"',
      "remember_owner = 0",
      "dynamic_ownership = 0",
      "namespaces = []",
      "cgroup_controllers = []",
      'stdio_handler = "file"',
    ];
    await writeFile(join(place, "etc", "qemu.conf"), `${qemu.join("\n")}\n`);
    const script = [
      "mkdir -p /var/lib/libvirt /etc/libvirt /var/cache/libvirt",
      'mount --bind "$1/run" /run',
      "mkdir -p /run/libvirt /run/lock",
      'mount --bind "$1/lib" /var/lib/libvirt',
      'mount --bind "$1/etc" /etc/libvirt',
      'mount --bind "$1/cache" /var/cache/libvirt',
      'exec libvirtd -l -f "$1/libvirtd.conf"',
    ].join(" && ");
    const daemon = spawn("unshare", ["-m", "--propagation", "private", "sh", "-c", script, "sh", place], {
      stdio: "ignore",
    });
    this.#daemons.push(daemon);
    const end = performance.now() + 15_000;
    while (true) {
      const failure = await this.#virsh(side, "version").then(
        () => undefined,
        (error: unknown) => error,
      );
      if (failure === undefined) return;
      if (performance.now() > end || daemon.exitCode !== null) throw failure;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async #boot({ memoryMiB, orders }: LibvirtGuest): Promise<void> {
    const { kernel, initrd } = await buildGuest();
    const words = Object.entries(orders).map(([key, value]) => `wb.${key}=${value}`);
    const report = join(this.#directory, "report");
    const xml = `<domain type='qemu'><name>${name}</name><memory unit='KiB'>${memoryMiB * 1024 + 8}</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type><kernel>${kernel}</kernel><initrd>${initrd}</initrd>
<cmdline>${["console=ttyS0", "quiet", "panic=-1", ...words].join(" ")}</cmdline></os><features><acpi/></features>
<cpu mode='custom' match='exact'><model>qemu64</model></cpu><devices>
<serial type='null'/><serial type='file'><source path='${report}' append='on'/><target port='1'/></serial><memballoon model='none'/></devices></domain>`;
    const file = join(this.#directory, "domain.xml");
    await writeFile(file, xml);
    await this.#virsh(0, "create", file);
    const end = performance.now() + patience;
    while (!/FILLED/.test(await readFile(report, "utf8").catch(() => ""))) {
      if (performance.now() > end) throw new Error("the guest under libvirt never came up");
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async #virsh(side: 0 | 1, ...args: readonly string[]): Promise<string> {
    const child = spawn("virsh", ["-q", "-c", this.#url(side), ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      timeout: patience,
    });
    let text = "";
    let complaint = "";
    child.stdout.on("data", (chunk) => {
      text += String(chunk);
    });
    child.stderr.on("data", (chunk) => {
      complaint += String(chunk);
    });
    const code = await new Promise((resolve) => child.once("close", resolve));
    if (code !== 0) throw new Error(`virsh ${args[0] ?? ""}: ${complaint.trim()}`);
    return text;
  }
}
