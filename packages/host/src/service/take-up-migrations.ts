import type { Outcomes } from "../audit/outcomes.ts";
import { Hresult } from "../errors.ts";
import type { Journal, MigrationRecord } from "../journal/journal.ts";
import type { Resolver } from "../migration/resolver.ts";
import type { JobError, JobState, JobStore } from "./jobs.ts";
import { remembered } from "./sweep.ts";

export interface TakeUpParts {
  readonly journal: Journal;
  readonly jobs: JobStore;
  readonly resolver: Resolver;
  readonly outcomes: Outcomes;
}

/** How long ago a migration may have ended whose client may still ask for its job. */
const recent = 5 * 60_000;

const states: Readonly<Partial<Record<MigrationRecord["state"], JobState>>> = {
  transferring: "running",
  surrendered: "waiting-for-destination",
  done: "completed",
  failed: "failed",
};

/**
 * What an earlier process of this service had begun: clients that followed a move go on following its job, and every
 * end that nobody came to tell is counted and gets its line in the audit trail.
 */
export function takeUpMigrations(parts: TakeUpParts): void {
  const { journal, outcomes } = parts;
  const untold = new Set(outcomes.missing().map(({ id }) => id));
  for (const record of journal.migrations())
    if (record.role === "source") takeUp(parts, record, untold.has(record.id));
    else if (untold.has(record.id)) outcomes.write(record.id);
  outcomes.endInterrupted(Date.now() - remembered);
}

function takeUp(parts: TakeUpParts, record: MigrationRecord, untold: boolean): void {
  const { jobs, resolver } = parts;
  const { id, state, updated, reason } = record;
  const over = state === "done" || state === "failed";
  const job = untold ? "running" : states[state];
  if (job === undefined || (over && !untold && updated < Date.now() - recent)) return;
  jobs.restore({
    id,
    vm: { id: record.vm, name: record.vmName },
    destination: record.peer,
    owner: record.person,
    withDisks: (record.disks?.length ?? 0) > 0,
    created: record.started,
    state: job,
  });
  if (job === "failed") jobs.update(id, { error: interrupted(reason) });
  if (untold) end(parts, id);
  else if (!over) void resolver.ended(id).then(() => end(parts, id));
}

/** The same end for job, metrics and trail. */
function end({ journal, jobs, outcomes }: TakeUpParts, id: string): void {
  const record = journal.migration(id);
  if (record?.state === "done") jobs.end(id, "completed");
  else if (record?.state === "failed") jobs.end(id, "failed", { error: interrupted(record.reason) });
  else return;
  outcomes.write(id, record.state === "failed" ? { code: interruptedCode } : {});
}

const interruptedCode = "MIGRATION_INTERRUPTED";

function interrupted(reason: string | undefined): JobError {
  return {
    code: interruptedCode,
    message: `the migration was given up: ${reason ?? "the service was restarted"}`,
    hresult: Hresult.failed,
    remedy: "Start the move again.",
  };
}
