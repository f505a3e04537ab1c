import type { EpochMs } from "@waybill/base";
import type { JobState } from "../registry/job-states.ts";
import type { MigrationType } from "../registry/migration-types.ts";

export type JobErrorType =
  | "communications"
  | "software"
  | "environment"
  | "security"
  | "oversubscription"
  | "other";

/** One error of a job (Msvm_Error). */
export interface JobError {
  readonly message: string;
  readonly hresult?: number | undefined;
  readonly errorType?: JobErrorType | undefined;
  /** Stable, upper-case: Waybill's name of the reason. Hyper-V gives its message number here. */
  readonly code?: string | undefined;
  /** What to do, one sentence each. */
  readonly remedies: readonly string[];
}

/** A long-running operation of a host: Msvm_MigrationJob when `migration` is there, else Msvm_ConcreteJob. */
export interface Job {
  readonly id: string;
  readonly name: string;
  readonly state: JobState;
  /** 0 to 100. */
  readonly percent: number;
  /** JobType, see MigrationJobType and ConcreteJobType. */
  readonly type?: number | undefined;
  /** What the job is doing, as a sentence. */
  readonly status?: string | undefined;
  /** The person who asked for it. */
  readonly owner?: string | undefined;
  readonly submitted?: EpochMs | undefined;
  readonly started?: EpochMs | undefined;
  /** Milliseconds from start to end, or until now. */
  readonly elapsed?: number | undefined;
  readonly cancellable: boolean;
  /** A return code (32768 and above) once the job failed; 0 or absent before. */
  readonly errorCode?: number | undefined;
  readonly errorDescription?: string | undefined;
  readonly errorSummary?: string | undefined;
  readonly migration?: MigrationJobDetails | undefined;
  /** Filled by a host; a client fetches them with `errors()`. */
  readonly errors?: readonly JobError[] | undefined;
}

export interface MigrationJobDetails {
  readonly vmId: string;
  readonly destinationHost: string;
  readonly type: MigrationType;
}

/** How a migration goes, pass by pass (Waybill_MigrationProgress). Bytes unless said otherwise. */
export interface MigrationProgress {
  readonly jobId: string;
  /** Another number after every change. */
  readonly revision?: number | undefined;
  /** The job itself at that moment. */
  readonly job?: Job | undefined;
  readonly vmId: string;
  /** The step of the migration protocol, for example `precopy`, `switchover`, `commit`. */
  readonly phase: string;
  readonly pass: number;
  readonly memoryTotal: number;
  readonly memoryTransferred: number;
  readonly memoryRemaining: number;
  readonly diskTotal?: number | undefined;
  readonly diskTransferred?: number | undefined;
  readonly bytesPerSecond: number;
  readonly dirtyBytesPerSecond?: number | undefined;
  readonly throttlePercent?: number | undefined;
  /** Milliseconds QEMU expects the guest to stand still. */
  readonly expectedDowntime?: number | undefined;
  /** Milliseconds it did, once known. */
  readonly downtime?: number | undefined;
  /** `ticket` or `s4u2self`: how the source proved whom it acts for. */
  readonly evidence?: string | undefined;
  /** How authentication and authorization were decided, a line each: what `--explain` shows. */
  readonly explanation: readonly string[];
}

/** One check of a preflight (Waybill_PreflightFinding). */
export interface PreflightFinding {
  readonly jobId: string;
  /** What was checked, for example `cpu-model`, `disk-path`, `delegation`. */
  readonly check: string;
  readonly severity: "ok" | "warning" | "error";
  readonly code?: string | undefined;
  readonly message: string;
  readonly remedy?: string | undefined;
}
