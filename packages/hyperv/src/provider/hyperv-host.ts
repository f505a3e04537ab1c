import type {
  AuditQuery,
  AuditRecord,
  HostStatus,
  MigrationNetwork,
  MigrationServiceState,
  MigrationSettings,
} from "../model/host.ts";
import type { Job, JobError, MigrationProgress, PreflightFinding } from "../model/job.ts";
import type { MigrationRequest } from "../model/migration-request.ts";
import type { ConsoleOutput } from "../model/serial-console.ts";
import type { VirtualMachine, VmDefinitionRequest } from "../model/virtual-machine.ts";
import type { VmRequest } from "../registry/vm-states.ts";

/** Who calls: the session the broker authenticated. What it may do is the host's to decide. */
export interface HostCaller {
  readonly session: string;
  /** Fires when the caller's time is up or the caller is gone. */
  readonly signal?: AbortSignal | undefined;
}

/** What a method that may run for long answers at once. */
export interface MethodOutcome {
  /** See `ReturnValue`: 0 completed, 4096 job started, else the refusal. */
  readonly returnValue: number;
  readonly jobId?: string | undefined;
  /** Whether the job is a Msvm_MigrationJob. */
  readonly isMigration?: boolean | undefined;
}

/** The settings to change; what is absent stays. */
export type MigrationSettingsPatch = Partial<MigrationSettings>;

/**
 * What a virtualization host does behind the WMI v2 surface. Every method takes the caller and plain data that
 * survives JSON, so that it can live in another process. Refusals are thrown: any `WaybillError`, with a numeric
 * `hresult` where Windows has one (0x80070005 for a right that is missing), becomes a fault with code and remedy.
 *
 * Methods that look (list…, get…) leave out what the caller may not see; they do not throw for it.
 */
export interface HyperVHost {
  /** The host's full DNS name: known without asking. */
  readonly hostName: string;
  /** `OS: … SP: … Stack: …` or a product version, for Identify. */
  readonly productVersion: string;

  hostStatus(caller: HostCaller): Promise<HostStatus>;
  listVirtualMachines(caller: HostCaller): Promise<readonly VirtualMachine[]>;
  requestVmState(caller: HostCaller, vmId: string, request: VmRequest): Promise<MethodOutcome>;
  defineVirtualMachine(
    caller: HostCaller,
    definition: VmDefinitionRequest,
  ): Promise<MethodOutcome & { readonly vmId?: string | undefined }>;
  removeVirtualMachine(caller: HostCaller, vmId: string): Promise<MethodOutcome>;

  migrate(caller: HostCaller, request: MigrationRequest): Promise<MethodOutcome>;
  /** Starts a job whose errors and preflight findings are the answer (Compare-VM). */
  checkMigratable(caller: HostCaller, request: MigrationRequest): Promise<MethodOutcome>;
  /** The same as one word. `returnValue` is one of `CimReturnValue`. */
  isMigratable(
    caller: HostCaller,
    request: MigrationRequest,
  ): Promise<{ readonly returnValue: number; readonly migratable: boolean }>;
  /** Opaque compatibility information, base64: of a VM, or of the host when `vmId` is absent. */
  compatibilityInfo(caller: HostCaller, vmId?: string): Promise<string>;
  /** Why what the information describes cannot run here; empty when it can. */
  checkCompatibilityInfo(caller: HostCaller, info: string): Promise<readonly JobError[]>;

  migrationServiceState(caller: HostCaller): Promise<MigrationServiceState>;
  migrationSettings(caller: HostCaller): Promise<MigrationSettings>;
  modifyMigrationSettings(caller: HostCaller, patch: MigrationSettingsPatch): Promise<MethodOutcome>;
  migrationNetworks(caller: HostCaller): Promise<readonly MigrationNetwork[]>;
  addMigrationNetworks(caller: HostCaller, networks: readonly MigrationNetwork[]): Promise<MethodOutcome>;
  /** Each has its `id`. */
  modifyMigrationNetworks(caller: HostCaller, networks: readonly MigrationNetwork[]): Promise<MethodOutcome>;
  removeMigrationNetworks(caller: HostCaller, ids: readonly string[]): Promise<MethodOutcome>;

  listJobs(caller: HostCaller): Promise<readonly Job[]>;
  /** Asks a job to stop; `returnValue` 0 or 4096 says it will. */
  cancelJob(caller: HostCaller, jobId: string): Promise<MethodOutcome>;
  /**
   * @param seen the revision that the caller knows already: the answer may wait a little for another one. The host
   * decides how long; a second is kind to everybody's timeouts.
   */
  migrationProgress(caller: HostCaller, jobId?: string, seen?: number): Promise<readonly MigrationProgress[]>;
  preflightFindings(caller: HostCaller, jobId?: string): Promise<readonly PreflightFinding[]>;
  auditRecords(caller: HostCaller, query: AuditQuery): Promise<readonly AuditRecord[]>;

  /** Opens a machine's first serial port and gives the session's name, which is the caller's alone. */
  openConsole(caller: HostCaller, vmId: string, takeOver: boolean): Promise<string>;
  /** What was said from `offset` on; waits up to `wait` milliseconds, or less, for there to be something. */
  readConsole(caller: HostCaller, session: string, offset: number, wait: number): Promise<ConsoleOutput>;
  /** @param offset of the first byte. @returns the offset up to which bytes were taken. */
  writeConsole(caller: HostCaller, session: string, offset: number, bytes: Uint8Array): Promise<number>;
  closeConsole(caller: HostCaller, session: string): Promise<void>;
}
