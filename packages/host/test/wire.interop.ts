import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  buildGuest,
  defaultMigrationOptions,
  MigrationSource,
  MigrationTarget,
  VirtualMachine,
} from "@waybill/qemu";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Capture } from "./support/capture.ts";
import { TwoHosts } from "./support/two-hosts.ts";

const marker = "GuestMemoryMarker7491";

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
    );
  });
  afterAll(async () => await world.close());

  test("a move: megabytes of TLS 1.3, and neither guest memory nor a word of the protocol in clear", async () => {
    const path = join(world.directory, "move.pcapng");
    const capture = await Capture.start(path, `tcp and net ${world.subnet}.0/24`);
    const from = world.home;
    expect(await world.outcome(from, await world.move(from))).toMatchObject({ state: "completed" });
    await world.settled();
    await capture.stop();
    for (const clear of [marker, '"prepare"', '"definition"', "web01"]) {
      const { found, bytes } = await capture.search(clear);
      expect(bytes).toBeGreaterThan(8 << 20);
      expect(found).toBe(0);
    }
    const hellos = await capture.fields(
      "tls.handshake.type == 2",
      ["tls.handshake.extensions.supported_version", "tls.handshake.ciphersuite"],
      ["-d", "tcp.port==1024-65535,tls"],
    );
    // TLS 1.3 with AES-GCM (RFC 8446 B.4: 0x1301 and 0x1302).
    expect(hellos[0]).toEqual(["0x0304", expect.stringMatching(/^0x130[12]$/)]);
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
    await capture.stop();
    expect((await capture.search(marker)).found).toBeGreaterThan(0);
  });
});
