import type { Logger } from "@waybill/base";
import type { Journal, MigrationRecord } from "../journal/journal.ts";
import { type AuditLog, type AuditRecord, EventId } from "./audit-log.ts";

export interface OutcomesParts {
  readonly host: string;
  readonly journal: Journal;
  readonly audit: AuditLog;
  readonly logger: Logger;
}

/** What of an outcome the journal does not know. */
export type OutcomeDetails = Pick<AuditRecord, "code" | "detail" | "eventId">;

const outcomes = { done: "succeeded", owned: "succeeded", failed: "failed", discarded: "failed" } as const;

/**
 * The last line of each migration in the audit trail: written exactly once, whenever the service is killed or the disk
 * is full. The journal knows which outcomes are in the trail. One that it does not know of is looked for there before it
 * is written, for the service may have ended between the two.
 */
export class Outcomes {
  readonly #parts: OutcomesParts;
  /** Written by this process, should the journal not take it. */
  readonly #written = new Set<string>();

  constructor(parts: OutcomesParts) {
    this.#parts = parts;
  }

  /**
   * Writes the outcome of a migration that the journal calls over, unless it is written. What has happened has happened: a
   * trail that cannot be written undoes nothing, and gets the line from {@link catchUp} later.
   */
  write(migration: string, details: OutcomeDetails = {}): void {
    const { journal, audit, logger } = this.#parts;
    const record = journal.migration(migration);
    const line = record === undefined ? undefined : this.#line(record, details);
    if (record === undefined || line === undefined || record.audited === true) return;
    try {
      if (!this.#written.has(migration)) audit.write(line);
      this.#written.add(migration);
      journal.changeMigration(migration, { audited: true });
      this.#written.delete(migration);
    } catch (error) {
      logger.error("audit-not-written", { migration, vm: record.vmName, error });
    }
  }

  /**
   * Writes the outcomes that nobody came to write.
   *
   * @param busy whether a migration is being worked on: whoever does that knows more than the journal.
   */
  catchUp(busy: (migration: string) => boolean): void {
    for (const { id } of this.missing().filter(({ id }) => !busy(id))) this.write(id);
  }

  /** Migrations that are over and have no last line in the trail. */
  missing(): MigrationRecord[] {
    const { journal } = this.#parts;
    const unsure = journal.migrations().filter(({ audited, state }) => audited !== true && state in outcomes);
    if (unsure.length === 0) return [];
    const ended = this.#inTrail();
    for (const { id } of unsure.filter(({ id }) => ended.has(id))) {
      this.#written.add(id);
      this.write(id);
    }
    return unsure.filter(({ id }) => !ended.has(id));
  }

  /** Ends, in the trail, what an earlier process had allowed and was killed before it could note in the journal. */
  endInterrupted(since: number): void {
    const { journal, audit, logger } = this.#parts;
    const ended = this.#inTrail();
    for (const { time: _time, host: _host, ...allowed } of audit.search({ since, limit: Infinity })) {
      const { migration, action, outcome } = allowed;
      if (migration === undefined || action !== "move-out" || outcome !== "allowed") continue;
      if (ended.has(migration) || journal.migration(migration) !== undefined) continue;
      try {
        audit.write({
          ...allowed,
          outcome: "failed",
          eventId: EventId.migrationFailedAtSource,
          code: "MIGRATION_INTERRUPTED",
          detail: "the service was restarted before anything had moved",
        });
      } catch (error) {
        logger.error("audit-not-written", { migration, vm: allowed.vm, error });
      }
    }
  }

  /** Migrations whose outcome the trail has. */
  #inTrail(): Set<string> {
    const lines = this.#parts.audit.search({ limit: Infinity });
    return new Set(
      lines.flatMap(({ outcome, migration }) =>
        migration !== undefined && (outcome === "succeeded" || outcome === "failed") ? [migration] : [],
      ),
    );
  }

  #line(record: MigrationRecord, details: OutcomeDetails): Omit<AuditRecord, "time" | "host"> | undefined {
    const { role, state, person, assertedBy, evidence, vmName, id, peer, reason } = record;
    if (!(state in outcomes)) return undefined;
    const outcome = outcomes[state as keyof typeof outcomes];
    const failure = role === "source" ? EventId.migrationFailedAtSource : undefined;
    return {
      action: role === "source" ? "move-out" : "accept",
      outcome,
      person,
      assertedBy: assertedBy ?? "recorded",
      delegatingHost: role === "source" ? this.#parts.host : peer,
      evidence,
      vm: vmName,
      migration: id,
      peer,
      eventId: outcome === "succeeded" ? EventId.migrationCompleted : failure,
      ...(outcome === "succeeded" ? {} : { detail: reason?.slice(0, 500) }),
      ...details,
    };
  }
}
