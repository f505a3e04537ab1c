import { DeadlineError, sleep } from "@waybill/base";
import { type CallOptions, WsmanError } from "@waybill/wsman";
import { ConcreteJob, MigrationJob } from "../classes/jobs.ts";
import { WaybillMigrationProgress } from "../classes/waybill-classes.ts";
import { HyperVError } from "../errors.ts";
import { fromProgress } from "../mapping/host.ts";
import { fromJob } from "../mapping/job.ts";
import { fromMsvmError } from "../mapping/job-error.ts";
import type { Job, JobError, MigrationProgress } from "../model/job.ts";
import { isJobOver, isJobSuccessful, JobRequest } from "../registry/job-states.ts";
import { describeReturnValue } from "../registry/return-codes.ts";
import type { WmiReference } from "../schema/wmi-reference.ts";
import type { HostAccess } from "./host-access.ts";
import { wqlText } from "./wmi-session.ts";

export interface JobProgress {
  readonly job: Job;
  /** From Waybill hosts, once the migration has begun to move something. */
  readonly migration?: MigrationProgress | undefined;
}

export interface WatchOptions {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds between two looks. Default 250. */
  readonly interval?: number | undefined;
  /** Milliseconds the host may be out of reach before watching ends with an error. Default 30000. */
  readonly patience?: number | undefined;
}

const passing = new Set(["WSMAN_CONNECTION_LOST", "WSMAN_UNREACHABLE", "WSMAN_UNAVAILABLE"]);

/** Whether an error passes when a host's service comes back. */
export function isPassing(error: unknown): boolean {
  return error instanceof WsmanError && passing.has(error.code);
}

export interface WaitOptions extends WatchOptions {
  /** Milliseconds after which waiting (not the job) ends. Without it, as long as the job takes. */
  readonly timeout?: number | undefined;
}

/**
 * A job on a host, followed by polling. It belongs to the host: a client that was away makes a new handle from the
 * id (`HyperVClient.job`) and goes on. What is kept here is only where to ask.
 */
export class JobHandle {
  readonly id: string;
  readonly #access: HostAccess;
  #reference: WmiReference;
  /** As last seen, from a host that tells. */
  #migration: MigrationProgress | undefined;
  /** How it ended, once that was seen: nothing about it changes any more. */
  #ended: Job | undefined;

  constructor(access: HostAccess, reference: WmiReference) {
    this.#access = access;
    this.#reference = reference;
    this.id = reference.keys.InstanceID ?? "";
  }

  /** Looks once. @throws HyperVError `JOB_UNKNOWN` when the host has no such job (any more). */
  async status(options: CallOptions = {}): Promise<Job> {
    const other = this.#reference.className === ConcreteJob.className ? MigrationJob : ConcreteJob;
    try {
      return await this.#read(this.#reference, options);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      // A reference may name the base class of what the job is.
      const reference = other.referenceBy({ InstanceID: this.id });
      const job = await this.#read(reference, options).catch((second: unknown) => {
        throw isNotFound(second) ? unknownJob(this.id, error) : second;
      });
      this.#reference = reference;
      return job;
    }
  }

  async #read(reference: WmiReference, options: CallOptions): Promise<Job> {
    return fromJob(reference.className, await this.#access.session.get(MigrationJob, reference, options));
  }

  /**
   * Looks again and again, and yields whatever is new; the last item is the finished job. A Waybill host answers
   * when there is something new, so that there a look needs no interval.
   */
  async *progress(options: WatchOptions = {}): AsyncGenerator<JobProgress> {
    const { signal } = options;
    const interval = options.interval ?? 250;
    let last = "";
    let missed = 0;
    while (true) {
      const item = await this.#look(signal, missed < (options.patience ?? 30_000));
      missed = item === undefined ? missed + Math.max(interval, 250) : 0;
      const seen = JSON.stringify(item);
      if (item !== undefined && seen !== last) yield item;
      last = item === undefined ? last : seen;
      if (item !== undefined && isJobOver(item.job.state)) {
        this.#ended = item.job;
        return;
      }
      const waited = item !== undefined && this.#migration?.revision !== undefined;
      await sleep(item === undefined ? Math.max(interval, 250) : waited ? 0 : interval, signal);
    }
  }

  /** Undefined when the host was out of reach, and that is tolerated: it may be restarting, the job goes on. */
  async #look(signal: AbortSignal | undefined, tolerant: boolean): Promise<JobProgress | undefined> {
    try {
      const migration = await this.#migrationProgress(signal);
      if (migration !== undefined) this.#migration = migration;
      return { job: migration?.job ?? (await this.status({ signal })), migration: this.#migration };
    } catch (error) {
      if (tolerant && isPassing(error)) return undefined;
      throw error;
    }
  }

  /**
   * Waits for the end. @throws HyperVError with the job's own errors when it failed or was cancelled, and
   * DeadlineError when `timeout` is up.
   */
  async wait(options: WaitOptions = {}): Promise<Job> {
    const { timeout, signal } = options;
    const expiry = timeout === undefined ? undefined : AbortSignal.timeout(timeout);
    const signals = [signal, expiry].filter((each) => each !== undefined);
    try {
      let last: Job | undefined;
      if (this.#ended === undefined)
        for await (const { job } of this.progress({ ...options, signal: AbortSignal.any(signals) }))
          last = job;
      const job = this.#ended ?? last ?? (await this.status({ signal }));
      if (!isJobSuccessful(job.state)) throw jobFailure(job, await this.errors({ signal }));
      return job;
    } catch (error) {
      if (expiry?.aborted === true && signal?.aborted !== true)
        throw new DeadlineError(`job ${this.id}`, timeout ?? 0);
      throw error;
    }
  }

  /** Asks the host to stop the job; the job's own end says whether it did. */
  async cancel(options: CallOptions = {}): Promise<void> {
    const input = { RequestedState: JobRequest.terminate };
    const output = await this.#access.session.invoke(
      MigrationJob,
      this.#reference,
      "RequestStateChange",
      input,
      options,
    );
    const { ReturnValue } = output;
    if (ReturnValue === 0 || ReturnValue === 4096) return;
    throw new HyperVError(`the host did not cancel the job: ${describeReturnValue(ReturnValue)}`, {
      code: "JOB_NOT_CANCELLED",
      family: "peer",
      returnValue: ReturnValue,
    });
  }

  /** The errors of a job that failed; empty while it runs and when it succeeded. */
  async errors(options: CallOptions = {}): Promise<readonly JobError[]> {
    const output = await this.#access.session.invoke(
      MigrationJob,
      this.#reference,
      "GetErrorEx",
      {},
      options,
    );
    return (output.Errors ?? []).map(fromMsvmError);
  }

  async #migrationProgress(signal: AbortSignal | undefined): Promise<MigrationProgress | undefined> {
    if (this.#reference.className !== MigrationJob.className) return undefined;
    const seen = this.#migration?.revision;
    const where = `JobID = ${wqlText(this.id)}${seen === undefined ? "" : ` and Revision <> ${seen}`}`;
    const [found] = (await this.#access.selectOwn(WaybillMigrationProgress, where, { signal })) ?? [];
    return found === undefined ? undefined : fromProgress(found);
  }
}

export function isNotFound(error: unknown): boolean {
  return error instanceof WsmanError && (error.hresult === 0x80041002 || error.hresult === 0x80070490);
}

function unknownJob(id: string, cause: unknown): HyperVError {
  return new HyperVError(`the host knows no job ${id}`, {
    code: "JOB_UNKNOWN",
    family: "caller",
    hresult: 0x80041002,
    facts: { job: id },
    remedy:
      "Finished jobs are kept for five minutes; look at the virtual machine itself, and at the audit trail.",
    cause,
  });
}

/** One error out of all a job had: their messages in order, the most specific code and every remedy. */
export function jobFailure(job: Job, errors: readonly JobError[]): HyperVError {
  const messages = errors.map((error) => error.message);
  const remedies = errors.flatMap((error) => error.remedies);
  const cancelled = job.state === "terminated" || job.state === "killed";
  const fallback = job.errorDescription ?? job.errorSummary ?? `${job.name} ended as ${job.state}`;
  const hresult = errors.find((error) => error.hresult !== undefined)?.hresult;
  return new HyperVError(messages.length === 0 ? fallback : messages.join("\n"), {
    code:
      errors.findLast((error) => error.code !== undefined)?.code ??
      (cancelled ? "JOB_CANCELLED" : "JOB_FAILED"),
    family: "peer",
    hresult,
    returnValue: job.errorCode === 0 ? undefined : job.errorCode,
    facts: { job: job.id, state: job.state },
    ...(remedies.length === 0 ? {} : { remedy: remedies.join("\n") }),
  });
}
