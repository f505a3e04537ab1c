import { type ConcreteJob, MigrationJob } from "../classes/jobs.ts";
import type { Job } from "../model/job.ts";
import { JobStateNumber, jobStateOf } from "../registry/job-states.ts";
import { MigrationTypeNumber, migrationTypeOf } from "../registry/migration-types.ts";
import { HealthState, OperationalStatus } from "../registry/vm-states.ts";

/** Finished jobs stay to be asked about for five minutes. */
export const jobLifetime = 5 * 60_000;

export function toConcreteJob(job: Job): ConcreteJob {
  const failed = job.state === "exception" || job.state === "killed" || job.state === "terminated";
  return {
    InstanceID: job.id,
    Caption: job.name,
    ElementName: job.name,
    Name: job.name,
    Description: job.name,
    OperationalStatus: [
      failed ? 6 : job.state === "completed" ? 17 : OperationalStatus.inService,
      OperationalStatus.ok,
    ],
    HealthState: failed ? HealthState.critical : HealthState.ok,
    Status: failed ? "Error" : "OK",
    JobStatus: job.status,
    TimeSubmitted: job.submitted,
    StartTime: job.started,
    ElapsedTime: job.elapsed,
    Owner: job.owner,
    PercentComplete: Math.min(100, Math.max(0, Math.round(job.percent))),
    DeleteOnCompletion: false,
    ErrorCode: job.errorCode ?? 0,
    ErrorDescription: job.errorDescription,
    ErrorSummaryDescription: job.errorSummary,
    JobState: JobStateNumber[job.state],
    TimeBeforeRemoval: jobLifetime,
    Cancellable: job.cancellable,
    JobType: job.type,
  };
}

export function toMigrationJob(job: Job): MigrationJob {
  return {
    ...toConcreteJob(job),
    MigrationType: job.migration === undefined ? undefined : MigrationTypeNumber[job.migration.type],
    VirtualSystemName: job.migration?.vmId,
    DestinationHost: job.migration?.destinationHost,
  };
}

export function fromJob(className: string, job: MigrationJob): Job {
  return {
    id: job.InstanceID,
    name: job.ElementName ?? job.Name ?? job.Caption ?? job.InstanceID,
    state: jobStateOf(job.JobState),
    percent: job.PercentComplete ?? 0,
    type: job.JobType,
    status: job.JobStatus,
    owner: job.Owner,
    submitted: job.TimeSubmitted,
    started: job.StartTime,
    elapsed: job.ElapsedTime,
    cancellable: job.Cancellable ?? false,
    errorCode: job.ErrorCode,
    errorDescription: job.ErrorDescription,
    errorSummary: job.ErrorSummaryDescription,
    migration:
      className.toLowerCase() !== MigrationJob.className.toLowerCase()
        ? undefined
        : {
            vmId: job.VirtualSystemName ?? "",
            destinationHost: job.DestinationHost ?? "",
            type: migrationTypeOf(job.MigrationType ?? MigrationTypeNumber.vm) ?? "vm",
          },
  };
}
