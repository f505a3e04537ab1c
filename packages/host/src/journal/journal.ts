import { mkdirSync } from "node:fs";
import { type Clock, DiskReserve, type EpochMs, systemClock } from "@waybill/base";
import type { VmDefinition } from "@waybill/qemu";
import { open, type RootDatabase } from "lmdb";
import { HostError, Hresult } from "../errors.ts";
import type { EvidenceKind } from "../evidence/delegation-broker.ts";

/**
 * Where a VM stands on this host. Only `owner` and `owned` entitle the host to run it.
 * The transitions and why they are safe: `migration/messages.ts`.
 */
export type Custody =
  | { readonly state: "owner" }
  | { readonly state: "surrendered"; readonly migration: string; readonly to: string }
  | { readonly state: "incoming"; readonly migration: string; readonly from: string };

export interface VmRecord {
  readonly id: string;
  readonly name: string;
  readonly definition: VmDefinition;
  readonly custody: Custody;
  /** Whether the operator wants it running; decides what happens after a crash of the machine. */
  readonly wanted: "running" | "paused" | "stopped";
  /** Why the VM is paused or stopped although it should not be, for the operator. */
  readonly note?: string | undefined;
  readonly updated: EpochMs;
}

export interface MigrationRecord {
  readonly id: string;
  readonly vm: string;
  readonly vmName: string;
  readonly role: "source" | "destination";
  readonly peer: string;
  /** Who asked, as their principal. */
  readonly person: string;
  /** How their identity came to this host, for the audit record of the end. */
  readonly assertedBy?: string | undefined;
  /** What the source has shown a KDC for them. */
  readonly evidence?: EvidenceKind | undefined;
  readonly state: "transferring" | "surrendered" | "owned" | "discarded" | "done" | "failed";
  readonly reason?: string | undefined;
  /** Images that travel with the machine, as this host calls them. */
  readonly disks?: readonly string[] | undefined;
  /** The destination does not know yet that the machine stays here: it is told until it has understood. */
  readonly untold?: boolean | undefined;
  /** Its outcome is in the audit trail. */
  readonly audited?: boolean | undefined;
  readonly started: EpochMs;
  readonly updated: EpochMs;
}

type Row = VmRecord | MigrationRecord | Record<string, unknown>;

/** Pages that a transaction may touch beside what it stores, in bytes. */
const overhead = 128 << 10;

/**
 * What this host must remember across crashes: its VMs, who owns them, and unfinished migrations.
 * One LMDB file; every change is one transaction and is on disk before the call returns.
 */
export class Journal {
  readonly #database: RootDatabase<Row, string>;
  readonly #directory: string;
  readonly #reserve: DiskReserve;
  readonly #clock: Clock;

  private constructor(database: RootDatabase<Row, string>, directory: string, clock: Clock) {
    this.#database = database;
    this.#directory = directory;
    this.#reserve = new DiskReserve(`${directory}/journal.lmdb`);
    this.#clock = clock;
    try {
      this.#secure({});
    } catch {
      // The first change says so, if the disk is still full then.
    }
  }

  static open(directory: string, clock: Clock = systemClock): Journal {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    // overlappingSync would report a commit before it is on disk: an owner must never be forgotten.
    const database = open<Row, string>({
      path: `${directory}/journal.lmdb`,
      overlappingSync: false,
      mapSize: 64 << 20,
    });
    return new Journal(database, directory, clock);
  }

  async close(): Promise<void> {
    await this.#database.close();
  }

  vm(id: string): VmRecord | undefined {
    return this.#database.get(`vm/${id}`) as VmRecord | undefined;
  }

  vmByName(name: string): VmRecord | undefined {
    const wanted = name.toLowerCase();
    return this.vms().find((vm) => vm.name.toLowerCase() === wanted || vm.id === wanted);
  }

  vms(): VmRecord[] {
    return this.#range("vm/") as VmRecord[];
  }

  migration(id: string): MigrationRecord | undefined {
    return this.#database.get(`migration/${id}`) as MigrationRecord | undefined;
  }

  migrations(): MigrationRecord[] {
    return this.#range("migration/") as MigrationRecord[];
  }

  setting(key: string): Record<string, unknown> | undefined {
    return this.#database.get(`setting/${key}`) as Record<string, unknown> | undefined;
  }

  /**
   * Applies all of `changes` or none, and returns once they are on disk.
   *
   * @throws HostError `JOURNAL_UNWRITABLE`, most likely because the disk is full: then nothing has changed.
   */
  commit(changes: JournalChanges): void {
    try {
      this.#secure(changes);
      this.#commit(changes);
    } catch (cause) {
      throw unwritable(this.#directory, cause);
    }
  }

  /** Sees to it that a transaction will find room on disk. */
  #secure(changes: JournalChanges): void {
    const { lastPageNumber, pageSize } = this.#database.getStats() as {
      lastPageNumber: number;
      pageSize: number;
    };
    const used = (lastPageNumber + 1) * pageSize;
    this.#reserve.secure(used + overhead + 2 * JSON.stringify(changes).length);
  }

  #commit(changes: JournalChanges): void {
    const updated = this.#clock.now();
    this.#database.transactionSync(() => {
      for (const vm of changes.vms ?? []) this.#database.putSync(`vm/${vm.id}`, { ...vm, updated });
      for (const id of changes.removedVms ?? []) this.#database.removeSync(`vm/${id}`);
      for (const record of changes.migrations ?? []) {
        this.#database.putSync(`migration/${record.id}`, { ...record, updated });
      }
      for (const id of changes.removedMigrations ?? []) this.#database.removeSync(`migration/${id}`);
      for (const [key, value] of Object.entries(changes.settings ?? {})) {
        this.#database.putSync(`setting/${key}`, value);
      }
    });
  }

  /** Changes what is wished or said of a VM and leaves alone who owns it, whatever became of that meanwhile. */
  changeVm(id: string, changes: Partial<Pick<VmRecord, "wanted" | "note">>): void {
    const vm = this.vm(id);
    if (vm !== undefined) this.commit({ vms: [{ ...vm, ...changes }] });
  }

  /** Notes something about a migration, whatever else has been noted meanwhile. */
  changeMigration(id: string, changes: Partial<Pick<MigrationRecord, "disks" | "untold" | "audited">>): void {
    const record = this.migration(id);
    if (record !== undefined) this.commit({ migrations: [{ ...record, ...changes }] });
  }

  /** Says something of a VM to the operator, or nothing more; a remark that cannot be written stops nobody. */
  remark(id: string, note: string | undefined): void {
    try {
      if (this.vm(id)?.note !== note) this.changeVm(id, { note });
    } catch {
      // Whoever remarks comes by again.
    }
  }

  #range(prefix: string): Row[] {
    return [...this.#database.getRange({ start: prefix, end: `${prefix}\uffff` })].map(({ value }) => value);
  }
}

export interface JournalChanges {
  readonly vms?: readonly VmRecord[];
  readonly removedVms?: readonly string[];
  readonly migrations?: readonly MigrationRecord[];
  readonly removedMigrations?: readonly string[];
  readonly settings?: Readonly<Record<string, Record<string, unknown>>>;
}

function unwritable(directory: string, cause: unknown): HostError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new HostError(`the journal in ${directory} cannot be written: ${reason}`, {
    code: "JOURNAL_UNWRITABLE",
    family: "environment",
    hresult: Hresult.failed,
    facts: { directory },
    remedy: "Make room on its disk: what waits for it goes on by itself.",
    cause,
  });
}
