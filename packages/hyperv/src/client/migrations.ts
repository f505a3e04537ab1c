import { type CallOptions, WsmanError } from "@waybill/wsman";
import { ConcreteJob, MigrationJob } from "../classes/jobs.ts";
import { VirtualSystemMigrationService } from "../classes/services.ts";
import { WaybillPreflightFinding } from "../classes/waybill-classes.ts";
import { fromFinding } from "../mapping/host.ts";
import { fromJob } from "../mapping/job.ts";
import { toMigrationSettings, toNewResources } from "../mapping/migration-request.ts";
import type { Job, JobError, PreflightFinding } from "../model/job.ts";
import type { MigrationRequest } from "../model/migration-request.ts";
import { isJobOver, isJobSuccessful } from "../registry/job-states.ts";
import { type HostAccess, vmReference } from "./host-access.ts";
import type { JobHandle } from "./job-handle.ts";
import { wqlText } from "./wmi-session.ts";

/** What a preflight found. */
export interface MigratableAnswer {
  readonly migratable: boolean;
  readonly errors: readonly JobError[];
  /** Every check one by one: from Waybill hosts only. */
  readonly findings: readonly PreflightFinding[];
}

/** Migrations and the jobs of a host. */
export class Migrations {
  readonly #access: HostAccess;

  constructor(access: HostAccess) {
    this.#access = access;
  }

  /**
   * Starts a migration. The job goes on whatever becomes of this client. When the connection breaks before the
   * answer comes, the host's own list of jobs says whether the migration began, and its job is taken up.
   */
  async migrate(request: MigrationRequest, options: CallOptions = {}): Promise<JobHandle> {
    const service = await this.#access.service(VirtualSystemMigrationService, options);
    const input = await this.#migrationInput(request, options);
    try {
      const output = await this.#access.session.invoke(
        VirtualSystemMigrationService,
        service,
        "MigrateVirtualSystemToHost",
        input,
        options,
      );
      const job = this.#access.outcome(output, "the migration");
      if (job !== undefined) return job;
    } catch (error) {
      if (!isAnswerLost(error)) throw error;
      const begun = await this.#begunMigration(request, options).catch(() => undefined);
      if (begun === undefined) throw error;
      return begun;
    }
    throw this.#access.missing("JOB_MISSING", "the host started no job for the migration");
  }

  /** A machine moves in one direction at a time: a running migration of it to the same place is the one asked for. */
  async #begunMigration(request: MigrationRequest, options: CallOptions): Promise<JobHandle | undefined> {
    const jobs = await this.listJobs(options);
    const begun = jobs.find(
      ({ state, migration }) =>
        !isJobOver(state) &&
        migration?.vmId.toLowerCase() === request.vmId.toLowerCase() &&
        migration.destinationHost.toLowerCase() === request.destinationHost.toLowerCase(),
    );
    return begun === undefined ? undefined : this.job(begun.id);
  }

  /** Asks whether a migration would work, and why not (what Compare-VM does). Nothing moves. */
  async checkMigratable(request: MigrationRequest, options: CallOptions = {}): Promise<MigratableAnswer> {
    const service = await this.#access.service(VirtualSystemMigrationService, options);
    const input = await this.#migrationInput(request, options);
    const output = await this.#access.session.invoke(
      VirtualSystemMigrationService,
      service,
      "CheckVirtualSystemIsMigratable",
      input,
      options,
    );
    const job = this.#access.outcome(output, "the check of the migration");
    if (job === undefined) return { migratable: true, errors: [], findings: [] };
    let last: Job | undefined;
    for await (const { job: now } of job.progress({ signal: options.signal })) last = now;
    const migratable = last !== undefined && isJobSuccessful(last.state);
    const errors = migratable ? [] : await job.errors(options);
    return { migratable, errors, findings: await this.#findings(job.id, options) };
  }

  async #findings(jobId: string, options: CallOptions): Promise<readonly PreflightFinding[]> {
    const where = `JobID = ${wqlText(jobId)}`;
    const found = await this.#access.selectOwn(WaybillPreflightFinding, where, options);
    return (found ?? []).map(fromFinding);
  }

  async #migrationInput(request: MigrationRequest, options: CallOptions) {
    if (request.options !== undefined) await this.#access.needWaybill("migration options", options);
    const resources = toNewResources(request);
    return {
      ComputerSystem: vmReference(request.vmId),
      DestinationHost: request.destinationHost,
      MigrationSettingData: toMigrationSettings(request),
      ...(resources.length === 0 ? {} : { NewResourceSettingData: resources }),
    };
  }

  /** A handle on a job by its id: to watch on after the client or the connection went away. */
  job(id: string): JobHandle {
    return this.#access.handle(MigrationJob.referenceBy({ InstanceID: id }));
  }

  /** The host's jobs, running and recently finished. */
  async listJobs(options: CallOptions = {}): Promise<readonly Job[]> {
    const migrations = await this.#access.session.select(MigrationJob, undefined, options);
    const others = await this.#access.session.select(ConcreteJob, undefined, options);
    return [
      ...migrations.map((job) => fromJob(MigrationJob.className, job)),
      ...others.map((job) => fromJob(ConcreteJob.className, job)),
    ];
  }
}

/** The request arrived or did not: nobody told us. */
function isAnswerLost(error: unknown): boolean {
  if (!(error instanceof WsmanError)) return false;
  return (
    error.code === "WSMAN_CONNECTION_LOST" || (error.fault === undefined && (error.httpStatus ?? 0) >= 500)
  );
}
