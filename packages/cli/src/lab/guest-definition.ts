import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { buildGuest } from "@waybill/qemu";
import { guestAddress } from "./switchboard.ts";

export interface LabGuest {
  readonly name: string;
  readonly memoryMiB: number;
  /** How fast the guest writes to its memory, MiB/s; 0 for a quiet one. */
  readonly dirtyMiBPerSecond: number;
}

export const defaultGuest: LabGuest = { name: "web01", memoryMiB: 256, dirtyMiBPerSecond: 8 };

/** Puts kernel and initramfs into the hosts' shared storage, and describes the machine that boots them. */
export async function defineGuest(
  guest: LabGuest,
  shared: string,
  progress: (what: string) => void,
): Promise<Record<string, unknown>> {
  const image = await buildGuest(undefined, { progress });
  await mkdir(shared, { recursive: true, mode: 0o700 });
  const kernel = join(shared, "vmlinuz");
  const initrd = join(shared, "initrd.gz");
  await copyFile(image.kernel, kernel);
  await copyFile(image.initrd, initrd);
  const dirty = guest.dirtyMiBPerSecond === 0 ? [] : [`wb.dirty=32,${guest.dirtyMiBPerSecond}`];
  return {
    name: guest.name,
    uuid: "5f0e2a5c-6b1d-4f1e-9c55-000000000001",
    memoryMiB: guest.memoryMiB,
    vcpus: 1,
    reportPort: true,
    boot: {
      kernel,
      initrd,
      commandLine: [
        "console=ttyS0",
        "quiet",
        "panic=-1",
        `wb.ip=${guestAddress}/24`,
        "wb.heartbeat=2000,10.83.0.1,7007",
        ...dirty,
      ].join(" "),
    },
    networks: [{ id: "net0", mac: "52:54:00:83:00:21", attachment: { kind: "named", name: "lab" } }],
  };
}
