import { rm } from "node:fs/promises";
import { HostError, Hresult } from "../errors.ts";
import type { MigrationRecord, VmRecord } from "../journal/journal.ts";
import { demandOwner } from "../service/vm-manager.ts";
import type { OutgoingParts } from "./outgoing.ts";

/** The journal learns of a migration before the destination may do anything for it. */
export function beginTransfer(
  { journal }: Pick<OutgoingParts, "journal">,
  transfer: Pick<MigrationRecord, "id" | "peer" | "person" | "assertedBy" | "evidence"> & {
    readonly vm: VmRecord;
    readonly withDisks: boolean;
  },
): void {
  const { vm, withDisks, ...rest } = transfer;
  const disks = withDisks ? vm.definition.disks.filter(({ readOnly }) => !readOnly) : [];
  const now = Date.now();
  const record: MigrationRecord = {
    ...rest,
    vm: vm.id,
    vmName: vm.name,
    role: "source",
    state: "transferring",
    disks: disks.map(({ path }) => path),
    started: now,
    updated: now,
  };
  journal.commit({ migrations: [record] });
}

/** From here on only the destination can say what becomes of the machine. @throws HostError `VM_NOT_OURS` */
export function surrender({ journal }: Pick<OutgoingParts, "journal">, migration: string): void {
  const record = journal.migration(migration);
  const vm = record === undefined ? undefined : journal.vm(record.vm);
  if (record === undefined || vm === undefined) throw forgotten(migration);
  demandOwner(vm);
  journal.commit({
    vms: [{ ...vm, custody: { state: "surrendered", migration, to: record.peer } }],
    migrations: [{ ...record, state: "surrendered" }],
  });
}

/** @param untold the destination does not know yet, as far as this host knows. */
export function recordFailure(
  { journal }: Pick<OutgoingParts, "journal">,
  migration: string,
  { reason, untold }: Required<Pick<MigrationRecord, "reason" | "untold">>,
): void {
  const record = journal.migration(migration);
  if (record !== undefined) journal.commit({ migrations: [{ ...record, state: "failed", reason, untold }] });
}

/** The destination runs the machine: this host's copy goes, in the journal and in fact. */
export async function settleAsGone(parts: OutgoingParts, migration: string): Promise<void> {
  const { journal, vms } = parts;
  const record = journal.migration(migration);
  if (record === undefined) return;
  const machine = await vms.machine(record.vm);
  const custody = journal.vm(record.vm)?.custody;
  // Nothing but the machine that was given up in this very migration may go.
  if (custody?.state !== "surrendered" || custody.migration !== migration) return;
  journal.commit({ removedVms: [record.vm], migrations: [{ ...record, state: "done" }] });
  try {
    await vms.clear(record.vm, async () => {
      await parts.onStep?.("source:gone", migration);
      await machine?.kill();
      for (const path of record.disks ?? []) await rm(path, { force: true });
    });
    if ((record.disks?.length ?? 0) > 0) journal.changeMigration(migration, { disks: [] });
  } catch (error) {
    // The move is done all the same; what is left here is swept up later.
    parts.logger.error("left-over-stays", { vm: record.vmName, migration, error });
  }
}

function forgotten(migration: string): HostError {
  return new HostError("the machine was removed from this host while it was being moved", {
    code: "VM_NOT_OURS",
    family: "bug",
    hresult: Hresult.failed,
    facts: { migration },
    remedy: "Define it again, and report this: a machine on the move cannot be removed.",
  });
}
