import type { MigrationInfo } from "../qmp/migration-info.ts";
import { QmpError } from "../qmp-error.ts";

/** Neither side's word has come in time. */
export function handOverUnknown(name: string, status: string, cause?: unknown): QmpError {
  return new QmpError(`whether ${name} was handed over is not known (${status})`, {
    code: "HAND_OVER_UNKNOWN",
    family: "environment",
    facts: { name, status },
    cause,
    remedy:
      "Nothing runs twice: the hosts settle it when they reach each other. Check the network between them.",
  });
}

/** QEMU gave the migration up, or was told to. @param running whether the guest runs here now. */
export function migrationFailed(name: string, info: MigrationInfo, running?: boolean): QmpError {
  const why = info.error ?? (info.status === "cancelled" ? "it was cancelled" : "QEMU gives no reason");
  return new QmpError(`migrating ${name} failed: ${why}`, {
    code: "MIGRATION_FAILED",
    family: "environment",
    facts: { name, status: info.status, ...(running === undefined ? {} : { running }) },
    remedy: "See QEMU's log on both hosts, then move it again: it goes on where it was.",
  });
}
