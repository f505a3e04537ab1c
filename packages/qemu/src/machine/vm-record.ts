import { chmod, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Accelerator, VmFiles } from "../definition/command-line.ts";
import { parseVmDefinition } from "../definition/parse-vm-definition.ts";
import type { VmDefinition } from "../definition/vm-definition.ts";
import { QmpError } from "../qmp-error.ts";

/** What a later service must know to take up a running QEMU; kept beside its sockets. No secrets. */
export interface VmRecord {
  readonly definition: VmDefinition;
  readonly accelerator: Accelerator;
  /**
   * `incoming`: started for a migration and never told to run. Such a machine is a copy of one that may be
   * running elsewhere, so resuming it takes {@link MigrationTarget.activate}.
   */
  readonly role: "owner" | "incoming";
}

export interface VmPaths extends VmFiles {
  readonly run: string;
  readonly record: string;
  readonly pid: string;
  readonly log: string;
}

/** Only `run` belongs to the user QEMU runs as: a QEMU that its guest took over cannot change the record. */
export function vmPaths(directory: string): VmPaths {
  const run = join(directory, "run");
  return {
    run,
    control: join(run, "control.sock"),
    observer: join(run, "observe.sock"),
    console: join(run, "console.sock"),
    consoleLog: join(run, "console.log"),
    reportLog: join(run, "report.log"),
    pid: join(run, "qemu.pid"),
    record: join(directory, "machine.json"),
    log: join(directory, "qemu.log"),
  };
}

export async function writeVmRecord(directory: string, record: VmRecord): Promise<void> {
  const { record: path } = vmPaths(directory);
  const temporary = `${path}.new`;
  await writeFile(temporary, JSON.stringify(record, undefined, 2), { mode: 0o600 });
  await chmod(temporary, 0o600);
  await rename(temporary, path);
}

/** @throws QmpError VM_UNKNOWN when there is no readable record. */
export async function readVmRecord(directory: string): Promise<VmRecord> {
  try {
    const value = JSON.parse(await readFile(vmPaths(directory).record, "utf8")) as Record<string, unknown>;
    const { accelerator, role } = value;
    return {
      definition: parseVmDefinition(value.definition),
      accelerator: accelerator === "kvm" ? "kvm" : "tcg",
      role: role === "incoming" ? "incoming" : "owner",
    };
  } catch (cause) {
    throw new QmpError(`${directory} holds no virtual machine`, {
      code: "VM_UNKNOWN",
      family: "environment",
      facts: { directory },
      cause,
    });
  }
}
