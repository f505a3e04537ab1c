import { rm } from "node:fs/promises";
import { isUnderWay, MigrationTarget, type VirtualMachine } from "@waybill/qemu";
import type { AuditRecord } from "../audit/audit-log.ts";
import type { Journal, MigrationRecord, VmRecord } from "../journal/journal.ts";
import { demandUnknown } from "./examine.ts";
import type { IncomingParts } from "./incoming.ts";
import { unexpected } from "./refusals.ts";

/** The journal learns of a copy before anything of it exists. @throws HostError */
export function register(
  { journal, audit, host }: Pick<IncomingParts, "journal" | "audit" | "host">,
  copy: {
    readonly vm: Pick<VmRecord, "id" | "name" | "definition" | "wanted">;
    readonly migration: string;
    readonly from: string;
    readonly disks: readonly string[];
    readonly person: Pick<AuditRecord, "person" | "assertedBy" | "delegatingHost">;
  },
): void {
  const { vm, migration, from, disks, person } = copy;
  // Another conversation may have come first while this one was being examined.
  if (journal.migration(migration) !== undefined) throw unexpected("a migration that has ended");
  demandUnknown({ journal, host, definition: vm.definition });
  const now = Date.now();
  const record: MigrationRecord = {
    id: migration,
    vm: vm.id,
    vmName: vm.name,
    role: "destination",
    peer: from,
    person: person.person,
    assertedBy: person.assertedBy,
    state: "transferring",
    disks,
    started: now,
    updated: now,
  };
  const incoming: VmRecord = { ...vm, custody: { state: "incoming", migration, from }, updated: now };
  journal.commit({ vms: [incoming], migrations: [record] });
  audit.write({
    action: "accept",
    outcome: "allowed",
    ...person,
    vm: vm.name,
    migration,
    peer: from,
    detail: `${host} lets ${vm.name} in`,
  });
}

/** Whether what this host has of the migration's machine is still the copy that this migration brings. */
export function isIncoming(journal: Journal, { id, vm }: Pick<MigrationRecord, "id" | "vm">): boolean {
  const custody = journal.vm(vm)?.custody;
  return custody?.state === "incoming" && custody.migration === id;
}

/**
 * Whether a copy is complete, or still on its way to it: then the supervisor sees what becomes of it.
 *
 * @param arriving whether anything comes in that could make it complete.
 */
export async function mayBeComplete(
  copy: VirtualMachine,
  { arriving }: { readonly arriving: boolean },
): Promise<boolean> {
  try {
    const { status } = await copy.migration();
    if (status === "completed" || status.startsWith("postcopy")) return true;
    return arriving && isUnderWay(status) && status !== "setup";
  } catch {
    return false;
  }
}

/**
 * The machine becomes this host's: first in the journal, then in fact. Once the journal says so nothing is
 * taken back: a guest that cannot be told to run now is left to the supervisor.
 */
export async function takeOver(
  parts: Pick<IncomingParts, "journal" | "logger" | "onStep">,
  migration: string,
  target: MigrationTarget,
): Promise<void> {
  const { journal, logger } = parts;
  const record = journal.migration(migration);
  if (record?.state === "owned") return;
  const vm = record === undefined ? undefined : journal.vm(record.vm);
  if (record?.state !== "transferring" || vm === undefined || !isIncoming(journal, record))
    throw unexpected("take, for a copy that was given up");
  const owned: MigrationRecord = { ...record, state: "owned" };
  journal.commit({ vms: [{ ...vm, custody: { state: "owner" }, note: undefined }], migrations: [owned] });
  await parts.onStep?.("destination:owned", migration);
  try {
    if (vm.wanted === "running") await target.activate();
    else await target.vm.takeOwnership();
  } catch (error) {
    logger.error("activation-left-to-supervisor", { vm: vm.name, migration, error });
  }
}

/** What is left to do after {@link takeOver} once the source has been told, for nothing waits for it. */
export async function finishTakeOver(
  parts: Pick<IncomingParts, "journal" | "outcomes" | "logger">,
  migration: string,
  target: MigrationTarget,
): Promise<void> {
  const record = parts.journal.migration(migration);
  if (record?.state !== "owned") return;
  parts.outcomes.write(migration);
  await target.tidy().catch((error: unknown) => {
    parts.logger.warn("migration-not-tidied", { vm: record.vmName, migration, error });
  });
}

/**
 * The copy will never run: first in the journal, then in fact.
 *
 * @returns false when it is too late: the machine is this host's already.
 */
export async function discard(
  parts: Pick<IncomingParts, "journal" | "outcomes" | "vms">,
  migration: string,
  reason: string,
): Promise<boolean> {
  const { journal, vms } = parts;
  const record = journal.migration(migration);
  if (record === undefined || record.state === "owned" || record.state === "done") return false;
  const arriving = isIncoming(journal, record);
  if (record.state !== "discarded" || arriving) {
    const discarded: MigrationRecord = { ...record, state: "discarded", reason: record.reason ?? reason };
    journal.commit({ removedVms: arriving ? [record.vm] : [], migrations: [discarded] });
    parts.outcomes.write(migration);
  }
  // The machine may have come back by another migration since: then what is here is that one's.
  if (journal.vm(record.vm) !== undefined) return true;
  await vms.clear(record.vm, async () => {
    const copy = await vms.machine(record.vm);
    if (copy !== undefined) await new MigrationTarget(copy).abandon();
    // Half a copy of a disk is of no use, and would be in the way of the next attempt.
    for (const path of record.disks ?? []) await rm(path, { force: true });
  });
  if ((record.disks?.length ?? 0) > 0) journal.changeMigration(migration, { disks: [] });
  return true;
}
