import {
  type Job,
  MigrationJobType,
  type MigrationProgress,
  type PreflightFinding,
  ReturnValue,
  type VirtualMachine,
} from "@waybill/hyperv";
import type { VmRecord } from "../journal/journal.ts";
import { isOver, type JobState, type MigrationJob } from "./jobs.ts";
import type { VmState } from "./vm-manager.ts";

/** How this host's own records look through Hyper-V's classes. */

export const documentFormat = "waybill-vm/1";

export function presentVm(
  record: VmRecord,
  state: VmState,
  migrating: boolean,
  whole: boolean,
): VirtualMachine {
  const { definition, custody } = record;
  const waiting =
    custody.state === "surrendered" ? [`handed over to ${custody.to}; waiting for its word`] : [];
  const notes = [...(record.note === undefined ? [] : [record.note]), ...waiting];
  return {
    id: record.id,
    name: record.name,
    state: state === "running" ? "running" : state === "off" ? "off" : "paused",
    migrating: migrating || custody.state !== "owner",
    planned: custody.state === "incoming",
    health: notes.length === 0 ? "ok" : "minor",
    statusDescriptions: notes,
    memoryMiB: definition.memoryMiB,
    processors: definition.vcpus,
    disks: definition.disks.map(({ id, path, readOnly }) => ({ id, path, readOnly })),
    networks: definition.networks.map(({ id, mac, attachment }) => ({
      id,
      mac,
      network: attachment.kind === "named" ? attachment.name : attachment.kind,
    })),
    ...(whole ? { document: { format: documentFormat, text: JSON.stringify(definition) } } : {}),
  };
}

const states: Readonly<Record<JobState, Job["state"]>> = {
  queued: "new",
  running: "running",
  completed: "completed",
  failed: "exception",
  cancelled: "terminated",
  "waiting-for-destination": "running",
};

export function presentJob(job: MigrationJob): Job {
  const { error, started, ended } = job;
  const moving = job.withDisks ? MigrationJobType.movingVmAndStorage : MigrationJobType.movingVm;
  return {
    id: job.id,
    name: job.kind === "check" ? `Checking ${job.vm.name}` : `Moving ${job.vm.name}`,
    state: states[job.state],
    percent: isOver(job.state) && job.state !== "failed" ? 100 : percent(job),
    type: job.kind === "check" ? MigrationJobType.checkingVm : moving,
    status:
      job.state === "waiting-for-destination" ? `waiting for the word of ${job.destination}` : job.state,
    owner: job.owner,
    submitted: job.created,
    started,
    elapsed: started === undefined ? undefined : (ended ?? Date.now()) - started,
    cancellable: !isOver(job.state) && job.state !== "waiting-for-destination",
    errorCode: error === undefined ? 0 : ReturnValue.failed,
    errorDescription: error?.message,
    errorSummary: error?.message.split("\n")[0],
    migration: {
      vmId: job.vm.id,
      destinationHost: job.destination,
      type: job.withDisks ? "vmAndStorage" : "vm",
    },
    errors:
      error === undefined
        ? []
        : [
            {
              message: error.message,
              hresult: error.hresult,
              code: error.code,
              remedies: error.remedy === undefined ? [] : [error.remedy],
            },
          ],
  };
}

function percent({ progress }: MigrationJob): number {
  if (progress === undefined || progress.total === 0) return 0;
  return Math.max(1, Math.min(99, Math.floor(100 * (1 - progress.remaining / progress.total))));
}

export function presentProgress(job: MigrationJob): MigrationProgress {
  const { progress, report, steps, evidence } = job;
  const disks = progress?.disks ?? [];
  const total = (pick: (disk: (typeof disks)[number]) => number): number =>
    disks.reduce((sum, disk) => sum + pick(disk), 0);
  const onDisks = progress?.phase === "disks";
  return {
    jobId: job.id,
    revision: job.revision,
    job: presentJob(job),
    vmId: job.vm.id,
    phase: job.state === "running" ? (progress?.phase ?? "preparing") : job.state,
    pass: report?.summary.passes ?? progress?.pass ?? 0,
    memoryTotal: onDisks ? 0 : (progress?.total ?? 0),
    memoryTransferred: report?.summary.transferred ?? (onDisks ? 0 : (progress?.transferred ?? 0)),
    memoryRemaining: onDisks ? 0 : (progress?.remaining ?? 0),
    diskTotal: total((disk) => disk.total),
    diskTransferred: total((disk) => disk.copied),
    bytesPerSecond: Math.round(progress?.bytesPerSecond ?? 0),
    dirtyBytesPerSecond: Math.round(progress?.dirtyBytesPerSecond ?? 0),
    throttlePercent: progress?.throttlePercent,
    expectedDowntime: progress?.expectedDowntime,
    downtime: report?.summary.downtime,
    evidence,
    explanation: [
      ...steps.map(describeStep),
      ...(report === undefined ? [] : [`memory and disks: ${report.encryption}`]),
    ],
  };
}

function describeStep(step: MigrationJob["steps"][number]): string {
  const flag = step.forwardable === undefined ? "" : step.forwardable ? ", forwardable" : ", not forwardable";
  const code = step.code === undefined ? "" : ` (${step.code})`;
  const why = step.why === undefined ? "" : `: ${step.why}`;
  return `${step.exchange}: ${step.asked}: ${step.outcome}${flag}${code}${why}`;
}

export function presentFindings(job: MigrationJob): PreflightFinding[] {
  return job.findings.map((finding) => ({ jobId: job.id, ...finding }));
}
