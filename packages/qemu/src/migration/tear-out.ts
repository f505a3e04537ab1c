import { DeadlineError } from "@waybill/base";
import type { VirtualMachine } from "../machine/virtual-machine.ts";
import { ignoreRefusal } from "../qmp-error.ts";

/** Block nodes of disks at the destination are named with this in front. */
export const remoteNodePrefix = "remote-";

/**
 * Shuts the connections of a migration down, or only those of its disks. Works out of band, so also while
 * QEMU's main loop stands still in a write to a network that swallows everything. What waited on them fails
 * at once.
 */
export async function tearOut(vm: VirtualMachine, what: "all" | "disks" = "all"): Promise<void> {
  const control = await vm.control();
  const instances = (await control.executeOutOfBand("query-yank")).filter((instance) => {
    const node = instance["node-name"];
    const isDisk = typeof node === "string" && node.startsWith(remoteNodePrefix);
    return isDisk || (what === "all" && instance.type === "migration");
  });
  if (instances.length > 0) await control.executeOutOfBand("yank", { instances }).catch(ignoreRefusal);
}

/** Runs a step; when QEMU does not answer, frees it by {@link tearOut} and runs the step again. */
export async function unstick<T>(vm: VirtualMachine, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (!(error instanceof DeadlineError)) throw error;
    await tearOut(vm);
    return await step();
  }
}
