import { sleep } from "@waybill/base";
import type { VirtualMachine } from "../machine/virtual-machine.ts";
import { isUnderWay, type MigrationStatus } from "../qmp/migration-info.ts";
import { QmpError } from "../qmp-error.ts";
import { DiskMirror } from "./disk-mirror.ts";
import { tearOut, unstick } from "./tear-out.ts";

export interface CancelOutcome {
  /** `completed` means that it was too late: the source will never run again. */
  readonly status: MigrationStatus;
  /** Does the guest run here, now? */
  readonly running: boolean;
}

/**
 * Stops whatever a source's QEMU is doing for a migration: memory first, then the copies of its disks.
 *
 * @param mirror the disks' copies, if this process has begun them; else those that an earlier one left are looked for.
 * @returns what has become of the migration: `completed` means that it was too late.
 * @throws QmpError POSTCOPY_CANNOT_CANCEL: the guest's memory is divided between both sides.
 */
export async function callBack(vm: VirtualMachine, mirror: DiskMirror | undefined): Promise<MigrationStatus> {
  const { status } = await unstick(vm, async () => await vm.migration({ timeout: 2000 }));
  if (status.startsWith("postcopy"))
    throw new QmpError(`${vm.name} runs at the destination already and cannot be called back`, {
      code: "POSTCOPY_CANNOT_CANCEL",
      family: "caller",
      facts: { name: vm.name, status },
      remedy: "Wait until all of its memory has arrived, then move it back.",
    });
  if (isUnderWay(status)) {
    await unstick(vm, async () => await vm.execute("migrate_cancel", {}, { timeout: 2000 }));
    // A dead network keeps QEMU in `cancelling` until the connection is torn out.
    if (!(await settles(vm, 3000))) await tearOut(vm);
    await settles(vm, 10_000);
  }
  await (mirror ?? (await DiskMirror.adopt(vm)))?.cancel();
  return (await vm.migration()).status;
}

async function settles(vm: VirtualMachine, patience: number): Promise<boolean> {
  const end = performance.now() + patience;
  while (isUnderWay((await vm.migration()).status)) {
    if (performance.now() > end) return false;
    await sleep(5);
  }
  return true;
}

/** QEMU resumes a guest it stopped for the switchover by itself, a moment after `cancelled`; mostly. */
export async function runAgain(vm: VirtualMachine, wasRunning: boolean): Promise<void> {
  const end = performance.now() + 1000;
  for (;;) {
    const { state } = await vm.status();
    if (state !== "finish-migrate" && state !== "postmigrate") return;
    if (performance.now() > end) break;
    await sleep(5);
  }
  if (wasRunning) await vm.resume({ reclaim: true });
}
