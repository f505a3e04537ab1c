import type { EpochMs } from "@waybill/base";

/** The live migration settings of a host (Msvm_VirtualSystemMigrationServiceSettingData). */
export interface MigrationSettings {
  readonly enabled: boolean;
  /** Simultaneous live migrations; Hyper-V's default is 2. */
  readonly maximumMigrations: number;
  /** Simultaneous storage migrations; Hyper-V's default is 2. */
  readonly maximumStorageMigrations: number;
  readonly authentication: "kerberos" | "credSsp";
  readonly compression: boolean;
  readonly smbTransport: boolean;
  /** Waybill hosts: `multifd` in place of compression (Waybill_HostSettings). */
  readonly performance?: "tcpip" | "compression" | "multifd" | undefined;
}

/** A network that incoming migrations may use (Msvm_VirtualSystemMigrationNetworkSettingData). */
export interface MigrationNetwork {
  /** Chosen by the host when it is added. */
  readonly id?: string | undefined;
  readonly subnet: string;
  readonly prefixLength: number;
  /** Lower is tried first. */
  readonly metric: number;
  /** Which managers set it. */
  readonly tags: readonly string[];
}

/** The migration service's own state (Msvm_VirtualSystemMigrationService). */
export interface MigrationServiceState {
  readonly activeMigrations: number;
  readonly activeStorageMigrations: number;
  readonly listenerAddresses: readonly string[];
}

/** What only a Waybill host can say of itself (Waybill_HostStatus). */
export interface HostStatus {
  /** Full DNS name. */
  readonly host: string;
  readonly realm?: string | undefined;
  readonly version: string;
  /** `ticket`, `s4u2self` or `auto`. */
  readonly evidenceMode: string;
  readonly requireProofOfIdentity: boolean;
  /** Who the host takes the caller for. */
  readonly caller: string;
  readonly callerAssertedBy: string;
  readonly callerRights: readonly string[];
  readonly accelerator?: string | undefined;
  readonly hypervisor?: string | undefined;
  readonly cpuModel?: string | undefined;
  /** Bytes. */
  readonly memoryTotal?: number | undefined;
  readonly memoryFree?: number | undefined;
  readonly runningMachines?: number | undefined;
  readonly queuedMigrations?: number | undefined;
  /** The host's clock, so that skew shows. */
  readonly time: EpochMs;
}

/** Who did what, through which host, and how their identity was asserted (Waybill_AuditRecord). */
export interface AuditRecord {
  readonly id: string;
  readonly time: EpochMs;
  readonly host: string;
  readonly action: string;
  readonly outcome: string;
  readonly person: string;
  /** How the identity reached this host. */
  readonly assertedBy: string;
  /** The host that acted for the person, as the KDC wrote it into the ticket. */
  readonly delegatingHost?: string | undefined;
  readonly evidence?: string | undefined;
  readonly vm?: string | undefined;
  readonly migration?: string | undefined;
  readonly peer?: string | undefined;
  readonly eventId?: number | undefined;
  readonly code?: string | undefined;
  readonly detail?: string | undefined;
}

export interface AuditQuery {
  /** A VM's name or id. */
  readonly vm?: string | undefined;
  readonly person?: string | undefined;
  readonly since?: EpochMs | undefined;
  readonly limit?: number | undefined;
}
