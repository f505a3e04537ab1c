import { rm } from "node:fs/promises";
import type { Logger } from "@waybill/base";
import type { Journal, MigrationRecord } from "../journal/journal.ts";
import type { VmManager } from "./vm-manager.ts";

export interface SweepParts {
  readonly journal: Journal;
  readonly vms: VmManager;
  readonly logger: Logger;
}

/** How long the outcome of a migration is remembered: far longer than any message about it can be late. */
export const remembered = 30 * 24 * 60 * 60_000;

/**
 * Finishes what a service had decided and then could not do, mostly because it was killed. Machines that were
 * given up or never came to be are ended, and their disk images removed.
 */
export async function sweep(parts: SweepParts, now = Date.now()): Promise<void> {
  await endStrangers(parts);
  await removeImages(parts);
  const { journal } = parts;
  const forgotten = journal
    .migrations()
    .filter((record) => isSettled(record) && record.updated < now - remembered)
    .map(({ id }) => id);
  if (forgotten.length > 0) journal.commit({ removedMigrations: forgotten });
}

/** The journal forgets a machine before its QEMU is ended; one that runs nevertheless is not ours to judge. */
async function endStrangers({ journal, vms, logger }: SweepParts): Promise<void> {
  for (const id of await vms.strangers()) {
    try {
      await vms.alone(id, async () => {
        // It may have become a machine of the journal meanwhile; one that becomes it now waits.
        if (journal.vm(id) !== undefined) return;
        const machine = await vms.machine(id);
        if (machine !== undefined && (await machine.status()).running) {
          logger.error("unknown-machine-runs", { vm: machine.name, id });
          return;
        }
        if (machine !== undefined) logger.warn("left-over-machine-ended", { vm: machine.name });
        await machine?.kill();
        await vms.forget(id);
      });
    } catch (error) {
      logger.error("left-over-machine-stays", { id, error });
    }
  }
}

async function removeImages({ journal, logger }: SweepParts): Promise<void> {
  // The machine may have come back since, and its disks with it, to the same places.
  const used = new Set(journal.vms().flatMap(({ definition }) => definition.disks.map(({ path }) => path)));
  for (const record of journal.migrations()) {
    const { role, state, disks = [] } = record;
    const over = role === "source" ? state === "done" : state === "discarded";
    if (!over || disks.length === 0) continue;
    for (const path of disks) {
      if (used.has(path)) continue;
      logger.warn("left-over-image-removed", { vm: record.vmName, path });
      await rm(path, { force: true });
    }
    journal.changeMigration(record.id, { disks: [] });
  }
}

function isSettled({ state, untold }: MigrationRecord): boolean {
  return state !== "transferring" && state !== "surrendered" && untold !== true;
}
