import { readFileSync } from "node:fs";
import { copyFile, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { sleep } from "@waybill/base";
import { buildGuest, createDisk, verifyDisk } from "@waybill/qemu";
import type { TestHost } from "./test-host.ts";
import type { TwoHosts } from "./two-hosts.ts";

const diskMiB = 8;

export interface WritingMachine {
  readonly describe: (directory: string) => Promise<Readonly<Record<string, unknown>>>;
  /** The last write the guest was told is on disk, where it runs now. */
  acknowledged(world: TwoHosts, host: TestHost): number;
  /** Path of its image on a host. */
  image(host: TestHost): string;
  /** Stops the machine, reads its image, starts it again; says what is missing, if anything is. */
  lostWrites(world: TwoHosts): Promise<string | undefined>;
}

/** A machine whose guest writes numbered, checksummed blocks to its disk and says which ones it was told are safe. */
export function writingMachine(): WritingMachine {
  const first = (world: Pick<TwoHosts, "directory">): string =>
    join(world.directory, "kvm01", "storage", "web01", "disk0.raw");
  const acknowledged = (world: TwoHosts, host: TestHost): number => {
    const report = readFileSync(join(host.machineDirectory(world.vm), "run", "report.log"), "utf8");
    return Math.max(0, ...[...report.matchAll(/(?:acked=|disk=)(\d+)/g)].map(([, count]) => Number(count)));
  };
  const image = (host: TestHost): string => join(host.storage, "web01", "disk0.raw");
  return {
    acknowledged,
    image,
    describe: async (directory) => {
      const guest = await buildGuest();
      const shared = join(directory, "shared");
      await copyFile(guest.kernel, join(shared, "vmlinuz"));
      await copyFile(guest.initrd, join(shared, "initrd"));
      const path = first({ directory });
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await createDisk({ path, format: "raw" }, diskMiB << 20);
      return {
        memoryMiB: 96,
        reportPort: true,
        boot: {
          kernel: join(shared, "vmlinuz"),
          initrd: join(shared, "initrd"),
          commandLine: `console=ttyS0 quiet panic=-1 wb.heartbeat=5000 wb.disk=/dev/vda,${diskMiB},512`,
        },
        disks: [{ id: "disk0", path, format: "raw" }],
      };
    },
    lostWrites: async (world) => {
      const host = world.home;
      await world.until(() => acknowledged(world, host) > 0, "the guest writes");
      const { host: service, caller } = await host.as(world.alice);
      await service.requestVmState(caller, world.vm, "paused");
      await sleep(200);
      const safe = acknowledged(world, host);
      await service.requestVmState(caller, world.vm, "off");
      try {
        await verifyDisk(image(host), diskMiB << 20, safe);
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
      await service.requestVmState(caller, world.vm, "running");
      await world.settled();
      return undefined;
    },
  };
}
