import { randomUUID } from "node:crypto";
import { type Clock, type EpochMs, errorToJson, systemClock } from "@waybill/base";
import type { MigrationProgress } from "@waybill/qemu";
import { HostError, Hresult } from "../errors.ts";
import type { EvidenceKind } from "../evidence/delegation-broker.ts";
import type { ExchangeStep } from "../evidence/exchange-step.ts";
import type { OutgoingReport } from "../migration/outgoing.ts";

export type JobState =
  | "queued"
  | "running"
  | "completed"
  | "failed"
  | "cancelled"
  | "waiting-for-destination";

/** A migration as its clients see it; kept for a while after it ended. */
export interface MigrationJob {
  readonly id: string;
  /** Another number after every change. */
  readonly revision: number;
  /** A check moves nothing. */
  readonly kind: "move" | "check";
  readonly vm: { readonly id: string; readonly name: string };
  readonly destination: string;
  readonly owner: string;
  readonly withDisks: boolean;
  readonly created: EpochMs;
  readonly state: JobState;
  readonly started?: EpochMs | undefined;
  readonly ended?: EpochMs | undefined;
  readonly progress?: MigrationProgress | undefined;
  /** Kerberos, as it happened. */
  readonly steps: readonly ExchangeStep[];
  readonly evidence?: EvidenceKind | undefined;
  readonly report?: OutgoingReport | undefined;
  readonly error?: JobError | undefined;
  /** What a check found, in order. */
  readonly findings: readonly Finding[];
}

export interface Finding {
  readonly check: string;
  readonly severity: "ok" | "error";
  readonly message: string;
  readonly code?: string | undefined;
  readonly remedy?: string | undefined;
}

export interface JobError {
  readonly code: string;
  readonly message: string;
  readonly remedy?: string | undefined;
  readonly hresult: number;
}

interface Entry {
  job: MigrationJob;
  readonly controller: AbortController;
  /** Called once, at the next change. */
  readonly watchers: Set<() => void>;
}

/** Hyper-V keeps finished jobs for five minutes. */
const keptAfterEnd = 5 * 60_000;

/** The migrations of this host, running and recent. */
export class JobStore {
  readonly #clock: Clock;
  readonly #listeners: ((job: MigrationJob) => void)[] = [];
  readonly #jobs = new Map<string, Entry>();

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  create(request: Pick<MigrationJob, "kind" | "vm" | "destination" | "owner" | "withDisks">): {
    job: MigrationJob;
    signal: AbortSignal;
  } {
    this.#expire();
    const controller = new AbortController();
    const job: MigrationJob = {
      id: randomUUID(),
      revision: 0,
      created: this.#clock.now(),
      state: "queued",
      steps: [],
      findings: [],
      ...request,
    };
    this.#jobs.set(job.id, { job, controller, watchers: new Set() });
    return { job, signal: controller.signal };
  }

  get(id: string): MigrationJob | undefined {
    return this.#jobs.get(id)?.job;
  }

  all(): MigrationJob[] {
    this.#expire();
    return [...this.#jobs.values()].map(({ job }) => job);
  }

  update(id: string, changes: Partial<MigrationJob>): void {
    const entry = this.#jobs.get(id);
    if (entry === undefined) return;
    entry.job = { ...entry.job, ...changes, revision: entry.job.revision + 1 };
    for (const watcher of entry.watchers) watcher();
  }

  /** Returns when a job is not at `revision` any more, and at the latest after `patience` ms. */
  async changed(id: string, revision: number, patience: number): Promise<void> {
    const entry = this.#jobs.get(id);
    if (entry === undefined || entry.job.revision !== revision || isOver(entry.job.state)) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        entry.watchers.delete(done);
        resolve();
      };
      const timer = setTimeout(done, patience);
      entry.watchers.add(done);
    });
  }

  end(id: string, state: JobState, changes: Partial<MigrationJob> = {}): void {
    this.update(id, { ...changes, state, ended: this.#clock.now() });
    const job = this.get(id);
    if (job !== undefined) for (const listener of this.#listeners) listener(job);
  }

  /** Calls `listener` with every job that has ended. */
  onEnd(listener: (job: MigrationJob) => void): void {
    this.#listeners.push(listener);
  }

  /** A migration that an earlier process of this service began: its job is there again under the same id. */
  restore(
    job: Pick<MigrationJob, "id" | "vm" | "destination" | "owner" | "withDisks" | "created" | "state">,
  ): void {
    const restored: MigrationJob = {
      kind: "move",
      revision: 0,
      steps: [],
      findings: [],
      started: job.created,
      ...job,
    };
    const ended = isOver(job.state) ? { ended: this.#clock.now() } : {};
    this.#jobs.set(job.id, {
      job: { ...restored, ...ended },
      controller: new AbortController(),
      watchers: new Set(),
    });
  }

  /** Asks a job to stop; it ends as `cancelled`, or as whatever it had become before it could stop. */
  cancel(id: string, by: string): boolean {
    const entry = this.#jobs.get(id);
    if (entry === undefined || isOver(entry.job.state)) return false;
    entry.controller.abort(cancelled(by));
    return true;
  }

  #expire(): void {
    const oldest = this.#clock.now() - keptAfterEnd;
    for (const [id, { job }] of this.#jobs)
      if (job.ended !== undefined && job.ended < oldest) this.#jobs.delete(id);
  }
}

export function isOver(state: JobState): boolean {
  return state === "completed" || state === "failed" || state === "cancelled";
}

export function toJobError(error: unknown): JobError {
  const { code, message, remedy } = errorToJson(error);
  return {
    code: String(code),
    message: String(message),
    remedy: typeof remedy === "string" ? remedy : undefined,
    hresult: (error instanceof HostError ? error.hresult : undefined) ?? Hresult.failed,
  };
}

function cancelled(by: string): HostError {
  return new HostError(`the migration was cancelled by ${by}`, {
    code: "MIGRATION_CANCELLED",
    family: "caller",
    hresult: Hresult.cancelled,
  });
}
