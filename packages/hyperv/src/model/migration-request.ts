import type { MigrationType } from "../registry/migration-types.ts";

/** What Hyper-V's settings have no word for; sent to Waybill hosts only (Waybill_MigrationOptions). */
export interface MigrationOptions {
  readonly performance?: "tcpip" | "compression" | "multifd" | undefined;
  /** Milliseconds the guest may stand still. */
  readonly downtimeLimit?: number | undefined;
  /** Bytes per second. */
  readonly bandwidthLimit?: number | undefined;
  readonly autoConverge?: boolean | undefined;
  readonly postCopy?: boolean | undefined;
  /** Keep lines on how authentication was decided, for `--explain`. */
  readonly explain?: boolean | undefined;
}

/** A migration, or a check of one (MigrateVirtualSystemToHost, CheckVirtualSystemIsMigratable…). */
export interface MigrationRequest {
  readonly vmId: string;
  /** A DNS name: Kerberos does not go with addresses. */
  readonly destinationHost: string;
  readonly type: MigrationType;
  readonly transport?: "tcp" | "smb" | undefined;
  /** Addresses of the destination to try, in order; any of its networks when absent. */
  readonly destinationAddresses?: readonly string[] | undefined;
  readonly compression?: boolean | undefined;
  readonly retainSourceDisks?: boolean | undefined;
  readonly overwriteExistingFiles?: boolean | undefined;
  readonly cancelIfBlackoutExceeded?: boolean | undefined;
  /** The planned VM of a staged migration. */
  readonly plannedVmId?: string | undefined;
  /** New paths at the destination, by disk id. */
  readonly diskPaths?: Readonly<Record<string, string>> | undefined;
  /** New network names at the destination, by network id. */
  readonly networkNames?: Readonly<Record<string, string>> | undefined;
  readonly options?: MigrationOptions | undefined;
}
