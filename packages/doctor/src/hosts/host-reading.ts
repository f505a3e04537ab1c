import type { Account } from "@waybill/directory";

/** The part of a management client that a survey takes; `HyperVClient` is one. */
export interface HostSession {
  isWaybill(options: { readonly signal: AbortSignal }): Promise<boolean>;
  migrationSettings(options: { readonly signal: AbortSignal }): Promise<HostSettings>;
  migrationNetworks(options: { readonly signal: AbortSignal }): Promise<readonly HostNetwork[]>;
  /** Of Waybill hosts only. */
  hostStatus(options: { readonly signal: AbortSignal }): Promise<OwnHostStatus>;
  close(): void;
}

export interface HostSettings {
  readonly enabled: boolean;
  readonly maximumMigrations: number;
  readonly maximumStorageMigrations: number;
  readonly authentication: "kerberos" | "credSsp";
}

export interface HostNetwork {
  readonly subnet: string;
  readonly prefixLength: number;
}

export interface OwnHostStatus {
  /** What it calls itself. */
  readonly host: string;
  readonly evidenceMode: string;
}

/** Where a host is reached. */
export interface HostAddress {
  readonly address: string;
  readonly port: number;
}

/** A host as it says it is; all but the account may be missing, and then `failure` says why. */
export interface HostReading {
  readonly account: Account;
  /** Full DNS name. */
  readonly name: string;
  readonly management: HostAddress;
  readonly kind?: "waybill" | "hyper-v" | undefined;
  readonly settings?: HostSettings | undefined;
  readonly networks?: readonly HostNetwork[] | undefined;
  readonly status?: OwnHostStatus | undefined;
  /** Why the management service could not be asked. */
  readonly failure?:
    | { readonly message: string; readonly code: string; readonly remedy?: string | undefined }
    | undefined;
  /** Why a TCP connection to the management service could not be made; absent when it could. */
  readonly listenerClosed?: string | undefined;
  /** The same for the port of migrations. */
  readonly migrationClosed?: string | undefined;
  readonly migration: HostAddress;
}
