import type { MigrationInfo, MigrationStatus } from "../qmp/migration-info.ts";

/** Where a migration is, from the source. Sizes in bytes, times in ms. */
export interface MigrationProgress {
  readonly phase: "disks" | "memory" | "switchover" | "postcopy";
  readonly status: MigrationStatus;
  /** Over the guest's memory, from 1; 0 while only disks are copied. */
  readonly pass: number;
  readonly transferred: number;
  readonly remaining: number;
  readonly total: number;
  readonly bytesPerSecond: number;
  /** How fast the guest undoes the work. */
  readonly dirtyBytesPerSecond: number;
  /** If the switchover were now. */
  readonly expectedDowntime?: number | undefined;
  /** Processor time auto-converge takes from the guest, in percent. */
  readonly throttlePercent: number;
  readonly disks: readonly DiskProgress[];
  /** Since the step began. */
  readonly elapsed: number;
}

export interface DiskProgress {
  readonly id: string;
  readonly copied: number;
  readonly total: number;
  /** Both images are the same from here on, write by write. */
  readonly ready: boolean;
}

/** What a completed migration came to; excludes the start of the destination and the disks' copying. */
export interface MigrationSummary {
  readonly totalTime: number;
  readonly setupTime: number;
  /** From the guest's stop to the source's last byte, as QEMU counts it; the guest sees more. */
  readonly downtime: number;
  readonly transferred: number;
  readonly passes: number;
}

export function memoryProgress(
  info: MigrationInfo,
  disks: readonly DiskProgress[],
  elapsed: number,
): MigrationProgress {
  const { ram } = info;
  return {
    phase: phaseOf(info.status),
    status: info.status,
    pass: ram?.pass ?? 0,
    transferred: ram?.transferred ?? 0,
    remaining: ram?.remaining ?? 0,
    total: ram?.total ?? 0,
    bytesPerSecond: ram?.bytesPerSecond ?? 0,
    dirtyBytesPerSecond: ram?.dirtyBytesPerSecond ?? 0,
    expectedDowntime: info.expectedDowntime,
    throttlePercent: info.throttlePercent,
    disks,
    elapsed,
  };
}

function phaseOf(status: MigrationStatus): MigrationProgress["phase"] {
  if (status === "pre-switchover" || status === "device" || status === "completed") return "switchover";
  return status.startsWith("postcopy") ? "postcopy" : "memory";
}

export function diskProgress(disks: readonly DiskProgress[], elapsed: number): MigrationProgress {
  const total = sum(disks, (disk) => disk.total);
  const transferred = sum(disks, (disk) => disk.copied);
  return {
    phase: "disks",
    status: "none",
    pass: 0,
    transferred,
    remaining: total - transferred,
    total,
    bytesPerSecond: 0,
    dirtyBytesPerSecond: 0,
    throttlePercent: 0,
    disks,
    elapsed,
  };
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
