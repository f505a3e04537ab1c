import { ConcreteJob, MigrationJob } from "../classes/jobs.ts";
import { WaybillMigrationProgress, WaybillPreflightFinding } from "../classes/waybill-classes.ts";
import { HyperVError } from "../errors.ts";
import { toFinding, toProgress } from "../mapping/host.ts";
import { toConcreteJob, toMigrationJob } from "../mapping/job.ts";
import { toMsvmError } from "../mapping/job-error.ts";
import type { Job } from "../model/job.ts";
import { JobRequest } from "../registry/job-states.ts";
import { ReturnValue } from "../registry/return-codes.ts";
import type { WmiReference } from "../schema/wmi-reference.ts";
import { differenceIn, equalityIn } from "../wql/equality-in.ts";
import { bindClass, type ClassBinding, type MethodCall } from "./class-binding.ts";
import type { MethodOutcome } from "./hyperv-host.ts";

/** A method's answer from what the host made of it: with a job to follow when it started one. */
export function outcomeOf(outcome: MethodOutcome): { ReturnValue: number; Job?: WmiReference } {
  const { returnValue, jobId } = outcome;
  if (jobId === undefined) return { ReturnValue: returnValue };
  const schema = outcome.isMigration === true ? MigrationJob : ConcreteJob;
  return { ReturnValue: returnValue, Job: schema.referenceBy({ InstanceID: jobId }) };
}

async function findJob({ host, caller, keys }: MethodCall<unknown>): Promise<Job> {
  const id = keys.InstanceID?.toLowerCase();
  const job = (await host.listJobs(caller)).find((candidate) => candidate.id.toLowerCase() === id);
  if (job !== undefined) return job;
  throw new HyperVError("there is no such job, or it ended more than five minutes ago", {
    code: "JOB_UNKNOWN",
    family: "caller",
    hresult: 0x80041002,
  });
}

const methods = {
  GetError: async (call: MethodCall<unknown>) => {
    const [first] = (await findJob(call)).errors ?? [];
    const found = first === undefined ? {} : { Error: toMsvmError(first) };
    return { ReturnValue: ReturnValue.completed, ...found };
  },
  GetErrorEx: async (call: MethodCall<unknown>) => {
    const errors = (await findJob(call)).errors ?? [];
    return { ReturnValue: ReturnValue.completed, Errors: errors.map(toMsvmError) };
  },
  RequestStateChange: async (call: MethodCall<{ readonly RequestedState: number }>) => {
    const job = await findJob(call);
    const { RequestedState } = call.input;
    if (RequestedState !== JobRequest.terminate && RequestedState !== JobRequest.kill) {
      return { ReturnValue: ReturnValue.notSupported };
    }
    return { ReturnValue: (await call.host.cancelJob(call.caller, job.id)).returnValue };
  },
};

/** Jobs, their progress and their findings. */
export const jobBindings: readonly ClassBinding[] = [
  bindClass(ConcreteJob, {
    instances: async ({ host, caller }) => {
      const jobs = await host.listJobs(caller);
      return jobs.filter((job) => job.migration === undefined).map(toConcreteJob);
    },
    methods,
  }),
  bindClass(MigrationJob, {
    instances: async ({ host, caller }) => {
      const jobs = await host.listJobs(caller);
      return jobs.filter((job) => job.migration !== undefined).map(toMigrationJob);
    },
    methods,
  }),
  bindClass(WaybillMigrationProgress, {
    instances: async ({ host, caller, select }) => {
      const seen = Number(differenceIn(select, "Revision"));
      const job = equalityIn(select, "JobID");
      return (await host.migrationProgress(caller, job, Number.isSafeInteger(seen) ? seen : undefined)).map(
        toProgress,
      );
    },
  }),
  bindClass(WaybillPreflightFinding, {
    instances: async ({ host, caller, select }) =>
      (await host.preflightFindings(caller, equalityIn(select, "JobID"))).map(toFinding),
  }),
];
