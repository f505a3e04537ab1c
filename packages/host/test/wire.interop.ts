import { type ChildProcess, execFile, spawn } from "node:child_process";
import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  buildGuest,
  defaultMigrationOptions,
  MigrationSource,
  MigrationTarget,
  VirtualMachine,
} from "@waybill/qemu";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TwoHosts } from "./support/two-hosts.ts";

const marker = "GuestMemoryMarker7491";

/** tshark as judge: what crosses between two hosts, byte by byte. */
class Capture {
  readonly #child: ChildProcess;
  readonly #path: string;

  private constructor(child: ChildProcess, path: string) {
    this.#child = child;
    this.#path = path;
  }

  static async start(path: string, filter: string): Promise<Capture> {
    const child = spawn("tshark", ["-i", "lo", "-w", path, "-f", filter, "-B", "64"], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    await new Promise<void>((resolve, reject) => {
      let said = "";
      child.stderr?.on("data", (chunk: Buffer) => {
        said += chunk.toString("utf8");
        if (/Capture started|Capturing on/.test(said)) setTimeout(resolve, 500);
      });
      child.once("exit", () => reject(new Error(`tshark: ${said}`)));
    });
    return new Capture(child, path);
  }

  /** Ends the capture and returns all bytes that crossed. */
  async end(): Promise<Buffer> {
    await new Promise((resolve) => setTimeout(resolve, 500));
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGINT");
    await ended;
    return await readFile(this.#path);
  }
}

describe("what crosses the wire between two hosts", () => {
  let world: TwoHosts;
  beforeAll(async () => {
    world = await TwoHosts.start({
      machine: async (directory) => {
        const guest = await buildGuest();
        await copyFile(guest.kernel, join(directory, "shared", "vmlinuz"));
        await copyFile(guest.initrd, join(directory, "shared", "initrd"));
        return {
          memoryMiB: 96,
          reportPort: true,
          boot: {
            kernel: join(directory, "shared", "vmlinuz"),
            initrd: join(directory, "shared", "initrd"),
            commandLine: `console=ttyS0 quiet panic=-1 wb.heartbeat=5000 wb.marker=${marker}`,
          },
        };
      },
    });
    const log = join(world.hosts[0].machineDirectory(world.vm), "run", "report.log");
    await world.until(
      async () => (await readFile(log, "utf8").catch(() => "")).includes("HEARTBEAT"),
      "the guest is up",
      60_000,
    );
  });
  afterAll(async () => await world.close());

  test("a move: megabytes of TLS 1.3, and neither guest memory nor a word of the protocol in clear", async () => {
    const path = join(world.directory, "move.pcapng");
    const capture = await Capture.start(path, `tcp and net ${world.subnet}.0/24`);
    const from = world.home;
    expect(await world.outcome(from, await world.move(from))).toMatchObject({ state: "completed" });
    await world.settled();
    const bytes = await capture.end();
    expect(bytes.length).toBeGreaterThan(8 << 20);
    for (const clear of [marker, '"prepare"', '"definition"', "web01"])
      expect(bytes.includes(clear)).toBe(false);
    const { stdout } = await promisify(execFile)("tshark", [
      "-r",
      path,
      "-Y",
      "tls.handshake.type == 2",
      "-d",
      "tcp.port==1024-65535,tls",
      "-T",
      "fields",
      "-e",
      "tls.handshake.extensions.supported_version",
      "-e",
      "tls.handshake.ciphersuite",
    ]);
    // TLS 1.3 with AES-GCM (RFC 8446 B.4: 0x1301 and 0x1302).
    expect(stdout.trim()).toMatch(/^0x0304\t0x130[12]/);
  });

  test("the control: the same guest moved without a key shows its memory", async () => {
    const home = world.home;
    await home.kill();
    const vm = await VirtualMachine.attach(home.machineDirectory(world.vm));
    const capture = await Capture.start(
      join(world.directory, "plain.pcapng"),
      `tcp and host ${world.subnet}.77`,
    );
    const launch = {
      definition: vm.definition,
      directory: join(world.directory, "plain"),
      accelerator: vm.accelerator,
    };
    const target = await MigrationTarget.start(launch, { migration: defaultMigrationOptions });
    try {
      const source = new MigrationSource(vm);
      await source.prepare({ migration: defaultMigrationOptions });
      await source.sendMemory(await target.listen(`${world.subnet}.77`));
      await source.cancel();
    } finally {
      await target.vm.kill();
      await vm.detach();
      await home.revive();
    }
    expect((await capture.end()).includes(marker)).toBe(true);
  });
});
