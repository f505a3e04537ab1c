import {
  CimReturnValue,
  type HostCaller,
  type HyperVHost,
  type MigrationRequest,
  ReturnValue,
} from "@waybill/hyperv";
import { HostError, Hresult } from "../errors.ts";
import { defaultSourceLimits } from "../migration/transfer-options.ts";
import type { CallerAccess } from "./caller-access.ts";
import { readJson } from "./definition-request.ts";
import type { HostServiceParts } from "./host-service.ts";
import { isOver } from "./jobs.ts";
import type { MoveRequest } from "./mover.ts";
import { presentFindings, presentJob, presentProgress } from "./present.ts";
import { notFound } from "./refusals.ts";

type MoveOperations = Pick<
  HyperVHost,
  | "migrate"
  | "checkMigratable"
  | "isMigratable"
  | "compatibilityInfo"
  | "checkCompatibilityInfo"
  | "listJobs"
  | "cancelJob"
  | "migrationProgress"
  | "preflightFindings"
>;

/** How long a client that follows a job may wait for news in one request, in ms. */
const lookTime = 1000;
/** How long a method that answers without a job may check, in ms. */
const checkTime = 30_000;

/** Moves, checks of moves, and their jobs. */
export function moveOperations(parts: HostServiceParts, access: CallerAccess): MoveOperations {
  function moveRequest(caller: HostCaller, request: MigrationRequest): MoveRequest {
    const vm = access.vm(caller, request.vmId, "list");
    if (request.type !== "vm" && request.type !== "vmAndStorage") {
      throw new HostError(`migration of type ${request.type} is not supported`, {
        code: "NOT_SUPPORTED",
        family: "caller",
        hresult: Hresult.invalidArgument,
        remedy: "Move the machine, with or without its disks.",
      });
    }
    const { options = {} } = request;
    const compression = request.compression === true ? "compression" : undefined;
    return {
      vm,
      destination: request.destinationHost.toLowerCase(),
      withDisks: request.type === "vmAndStorage",
      options: {
        performance: options.performance ?? compression ?? parts.settings.current.performance,
        channels: 2,
        postCopy: options.postCopy ?? false,
      },
      limits: {
        maxBandwidth: options.bandwidthLimit ?? defaultSourceLimits.maxBandwidth,
        downtimeLimit: options.downtimeLimit ?? defaultSourceLimits.downtimeLimit,
        autoConverge: options.autoConverge ?? defaultSourceLimits.autoConverge,
      },
    };
  }

  return {
    async migrate(caller, request) {
      const session = access.session(caller);
      const job = parts.mover.start(session, moveRequest(caller, request));
      return { returnValue: ReturnValue.jobStarted, jobId: job.id, isMigration: true };
    },

    async checkMigratable(caller, request) {
      const session = access.session(caller);
      const job = parts.mover.check(session, moveRequest(caller, request));
      return { returnValue: ReturnValue.jobStarted, jobId: job.id, isMigration: true };
    },

    async isMigratable(caller, request) {
      const session = access.session(caller);
      const { jobs, mover } = parts;
      const { id } = mover.check(session, moveRequest(caller, request));
      const end = Date.now() + checkTime;
      for (let job = jobs.get(id); Date.now() < end; job = jobs.get(id)) {
        if (job === undefined || isOver(job.state))
          return { returnValue: CimReturnValue.completed, migratable: job?.state === "completed" };
        await jobs.changed(id, job.revision, lookTime);
      }
      return { returnValue: CimReturnValue.timeout, migratable: false };
    },

    async compatibilityInfo(caller, vmId) {
      const machines = vmId === undefined ? [] : [access.vm(caller, vmId, "list").definition];
      const info = {
        accelerator: parts.vms.options.accelerator,
        machines: machines.map(({ machine, cpu }) => ({ machine, cpu })),
      };
      return Buffer.from(JSON.stringify(info)).toString("base64");
    },

    async checkCompatibilityInfo(caller, info) {
      access.session(caller);
      const theirs = readJson(Buffer.from(info, "base64").toString("utf8"));
      const { accelerator } = parts.vms.options;
      if (theirs.accelerator === accelerator) return [];
      return [
        {
          message: `the source uses ${String(theirs.accelerator)}, this host ${accelerator}`,
          errorType: "environment",
          code: "ACCELERATOR_DIFFERS",
          remedies: ["Use hosts with the same accelerator."],
        },
      ];
    },

    async listJobs(caller) {
      return access.jobs(caller).map(presentJob);
    },

    async cancelJob(caller, jobId) {
      const { caller: person } = access.session(caller);
      const job = access.jobs(caller).find(({ id }) => id === jobId);
      if (job === undefined) throw notFound("job", jobId);
      parts.authorizer.demand(person, "move-out", job.vm.name);
      const accepted = parts.jobs.cancel(jobId, person.principal);
      return { returnValue: accepted ? ReturnValue.completed : ReturnValue.invalidState };
    },

    async migrationProgress(caller, jobId, seen) {
      if (seen !== undefined)
        for (const { id } of access.jobs(caller, jobId).slice(0, 1))
          await parts.jobs.changed(id, seen, lookTime);
      return access.jobs(caller, jobId).map(presentProgress);
    },

    async preflightFindings(caller, jobId) {
      return access.jobs(caller, jobId).flatMap(presentFindings);
    },
  };
}
