import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { type Clock, type EpochMs, systemClock, systemCode } from "@waybill/base";
import type { AuditRecord as AuditEntry } from "@waybill/hyperv";
import { HostError, Hresult } from "../errors.ts";

/** Hyper-V's event ids where one exists for the same thing. */
export const EventId = {
  migrationFailedAtSource: 21024,
  migrationCompleted: 20418,
  cause: 1106,
  noCredentials: 20306,
} as const;

export type AuditAction =
  | "move-out"
  | "accept"
  | "start"
  | "stop"
  | "pause"
  | "resume"
  | "reset"
  | "define"
  | "remove"
  | "configure"
  | "resolve"
  | "console";

/** Who did what, through which host, and how their identity was asserted. */
export interface AuditRecord extends Omit<AuditEntry, "id"> {
  readonly action: AuditAction;
  /** `opened` and `closed` are a console's. */
  readonly outcome: "allowed" | "refused" | "succeeded" | "failed" | "opened" | "closed";
}

export interface AuditFilter {
  readonly vm?: string | undefined;
  readonly person?: string | undefined;
  readonly since?: EpochMs | undefined;
  readonly limit?: number | undefined;
}

/** The host's audit trail: one JSON object per line, appended and synced, never rewritten. */
export class AuditLog {
  readonly #path: string;
  readonly #host: string;
  readonly #clock: Clock;

  constructor(directory: string, host: string, clock: Clock = systemClock) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.#path = join(directory, "audit.jsonl");
    this.#host = host;
    this.#clock = clock;
  }

  /** @throws HostError `AUDIT_UNWRITABLE`, most likely because the disk is full. */
  write(record: Omit<AuditRecord, "time" | "host">): AuditRecord {
    const full: AuditRecord = { time: this.#clock.now(), host: this.#host, ...record };
    try {
      this.#append(full);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new HostError(`the audit trail ${this.#path} cannot be written: ${reason}`, {
        code: "AUDIT_UNWRITABLE",
        family: "environment",
        hresult: Hresult.failed,
        facts: { path: this.#path },
        remedy: "Make room on its disk: no move begins that the trail would not show.",
        cause,
      });
    }
    return full;
  }

  #append(record: AuditRecord): void {
    const file = openSync(this.#path, "a", 0o600);
    try {
      writeSync(file, `${JSON.stringify(record)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  }

  /** The newest records that match, oldest first. A line cut short by a crash is passed over. */
  search(filter: AuditFilter = {}): AuditRecord[] {
    const matching = this.#lines().filter(
      (record) =>
        (filter.vm === undefined || record.vm?.toLowerCase() === filter.vm.toLowerCase()) &&
        (filter.person === undefined ||
          record.person.toLowerCase().startsWith(filter.person.toLowerCase())) &&
        (filter.since === undefined || record.time >= filter.since),
    );
    return matching.slice(-(filter.limit ?? 1000));
  }

  #lines(): AuditRecord[] {
    let text: string;
    try {
      text = readFileSync(this.#path, "utf8");
    } catch (error) {
      if (systemCode(error) === "ENOENT") return [];
      throw error;
    }
    return text.split("\n").flatMap((line) => {
      try {
        return [JSON.parse(line) as AuditRecord];
      } catch {
        return [];
      }
    });
  }
}
