import { expect, test } from "vitest";
import { QmpError, type QmpEvent, type VirtualMachine } from "../../src/index.ts";
import { DiskMirror } from "../../src/migration/disk-mirror.ts";

const failed = new QmpError("no answer", { code: "QMP_CLOSED", family: "environment" });

/** As much of a machine as ends a mirror: its disk fails while the order to end is on its way, and the order fails too. */
function machine(): VirtualMachine {
  const listeners = new Set<(event: QmpEvent) => void>();
  const answers: Readonly<Record<string, unknown>> = {
    "query-jobs": [{ id: "mirror-disk0", status: "ready" }],
    "query-block-jobs": [{ id: "mirror-disk0", offset: 1, length: 1, ready: true, ioStatus: "ok" }],
  };
  const stub = {
    definition: { disks: [{ id: "disk0", readOnly: false }] },
    onEvent: (listener: (event: QmpEvent) => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    execute: async (command: string) => {
      if (command !== "block-job-cancel") return answers[command];
      const event = { name: "BLOCK_JOB_ERROR", data: { device: "mirror-disk0" }, at: 0 };
      for (const listener of listeners) listener(event);
      await new Promise((resolve) => setTimeout(resolve, 20));
      throw failed;
    },
  };
  return stub as unknown as VirtualMachine;
}

test("a disk that fails while its mirror is told to end fails that step, and not the process", async () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  process.on("unhandledRejection", note);
  try {
    const mirror = await DiskMirror.adopt(machine());
    await expect(mirror?.finish()).rejects.toBe(failed);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(unhandled).toEqual([]);
  } finally {
    process.off("unhandledRejection", note);
  }
});
