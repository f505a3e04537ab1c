import { asList, asObject, type JsonObject, numberOr, optionalText, textField } from "./json-reader.ts";

/** QEMU's own states of a migration (qapi/migration.json); `none` when there was none. */
export const migrationStatuses = [
  "none",
  "setup",
  "cancelling",
  "cancelled",
  "active",
  "postcopy-active",
  "postcopy-paused",
  "postcopy-recover",
  "completed",
  "failed",
  "colo",
  "pre-switchover",
  "device",
  "wait-unplug",
] as const;

export type MigrationStatus = (typeof migrationStatuses)[number];

/** Answer of `query-migrate`. Times in ms, sizes in bytes. */
export interface MigrationInfo {
  readonly status: MigrationStatus;
  readonly error?: string | undefined;
  readonly totalTime: number;
  readonly setupTime: number;
  /** Known when completed. */
  readonly downtime?: number | undefined;
  readonly expectedDowntime?: number | undefined;
  /** How much of the guest's processor time auto-converge takes away, in percent. */
  readonly throttlePercent: number;
  readonly postCopyBlockTime?: number | undefined;
  readonly ram?: MigrationRam | undefined;
  /** Where a destination listens. */
  readonly socketAddresses: readonly { readonly host: string; readonly port: number }[];
}

export interface MigrationRam {
  readonly transferred: number;
  readonly remaining: number;
  readonly total: number;
  /** Which pass over the guest's memory this is, from 1. */
  readonly pass: number;
  readonly bytesPerSecond: number;
  readonly dirtyBytesPerSecond: number;
  readonly postCopyRequests: number;
}

/** Whether QEMU still works at it, or can still be asked to. */
export function isUnderWay(status: MigrationStatus): boolean {
  return !["none", "completed", "failed", "cancelled"].includes(status);
}

export function parseMigrationStatus(value: string): MigrationStatus {
  return migrationStatuses.find((status) => status === value) ?? "none";
}

export function parseMigrationInfo(value: unknown): MigrationInfo {
  const info = asObject(value, "query-migrate");
  const status = optionalText(info, "status");
  return {
    status: status === undefined ? "none" : parseMigrationStatus(status),
    error: optionalText(info, "error-desc"),
    totalTime: numberOr(info, "total-time", 0),
    setupTime: numberOr(info, "setup-time", 0),
    downtime: numberOr(info, "downtime", undefined),
    expectedDowntime: numberOr(info, "expected-downtime", undefined),
    throttlePercent: numberOr(info, "cpu-throttle-percentage", 0),
    postCopyBlockTime: numberOr(info, "postcopy-blocktime", undefined),
    ram: info.ram === undefined ? undefined : parseRam(asObject(info.ram, "ram")),
    socketAddresses: info["socket-address"] === undefined ? [] : parseAddresses(info["socket-address"]),
  };
}

function parseRam(ram: JsonObject): MigrationRam {
  const pageSize = numberOr(ram, "page-size", 4096);
  return {
    transferred: numberOr(ram, "transferred", 0),
    remaining: numberOr(ram, "remaining", 0),
    total: numberOr(ram, "total", 0),
    pass: numberOr(ram, "dirty-sync-count", 0),
    bytesPerSecond: (numberOr(ram, "mbps", 0) * 1e6) / 8,
    dirtyBytesPerSecond: numberOr(ram, "dirty-pages-rate", 0) * pageSize,
    postCopyRequests: numberOr(ram, "postcopy-requests", 0),
  };
}

function parseAddresses(value: unknown): { host: string; port: number }[] {
  const found: { host: string; port: number }[] = [];
  for (const item of asList(value, "socket-address")) {
    const address = asObject(item, "socket-address");
    if (address.type !== "inet") continue;
    found.push({ host: textField(address, "host"), port: Number(textField(address, "port")) });
  }
  return found;
}
