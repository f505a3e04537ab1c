import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@waybill/base";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AuditLog } from "../src/audit/audit-log.ts";
import { Outcomes } from "../src/audit/outcomes.ts";
import { Journal, type MigrationRecord } from "../src/journal/journal.ts";

describe("the last line of a migration in the audit trail", () => {
  let folder: string;
  let journal: Journal;
  let audit: AuditLog;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "waybill-outcomes-"));
    journal = Journal.open(folder);
    audit = new AuditLog(folder, "kvm01.lab.test");
  });
  afterEach(async () => {
    await journal.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** As a service that was just started. */
  const begun = (trail = audit): Outcomes =>
    new Outcomes({ host: "kvm01.lab.test", journal, audit: trail, logger: silentLogger });
  const nobody = (): boolean => false;

  function record(changes: Partial<MigrationRecord> = {}): MigrationRecord {
    const now = Date.now();
    const whole: MigrationRecord = {
      id: "m1",
      vm: "1",
      vmName: "web01",
      role: "source",
      peer: "kvm02.lab.test",
      person: "alice@LAB.TEST",
      assertedBy: "authentication-authority",
      evidence: "ticket",
      state: "done",
      started: now,
      updated: now,
      ...changes,
    };
    journal.commit({ migrations: [whole] });
    return whole;
  }

  it("says who, what, from where, and how it ended; once, whoever comes to write it", () => {
    record();
    const outcomes = begun();
    outcomes.write("m1");
    outcomes.write("m1");
    outcomes.catchUp(nobody);
    begun().catchUp(nobody);
    expect(audit.search()).toMatchObject([
      {
        action: "move-out",
        outcome: "succeeded",
        person: "alice@LAB.TEST",
        assertedBy: "authentication-authority",
        delegatingHost: "kvm01.lab.test",
        evidence: "ticket",
        vm: "web01",
        migration: "m1",
        peer: "kvm02.lab.test",
        eventId: 20418,
      },
    ]);
  });

  it.each([
    ["source", "done", "succeeded"],
    ["source", "failed", "failed"],
    ["destination", "owned", "succeeded"],
    ["destination", "discarded", "failed"],
  ] as const)("a %s that was killed when the journal said %s: %s", (role, state, outcome) => {
    record({ role, state, reason: "why" });
    begun().catchUp(nobody);
    expect(audit.search().map((line) => line.outcome)).toEqual([outcome]);
  });

  it("killed between trail and journal: what the trail has is not said again", () => {
    record();
    begun().write("m1");
    journal.changeMigration("m1", { audited: undefined });
    begun().catchUp(nobody);
    expect(audit.search()).toHaveLength(1);
    expect(journal.migration("m1")?.audited).toBe(true);
  });

  it("is not written for what goes on, nor for what somebody is working on", () => {
    record({ id: "m1", state: "transferring" });
    record({ id: "m2", state: "surrendered" });
    record({ id: "m3", state: "failed" });
    begun().catchUp((id) => id === "m3");
    expect(audit.search()).toEqual([]);
  });

  it("a full disk: it follows when there is room", () => {
    record();
    const full = new AuditLog(folder, "kvm01.lab.test");
    full.write = () => {
      throw new Error("no space left on device");
    };
    begun(full).write("m1");
    expect(journal.migration("m1")?.audited).toBeUndefined();
    begun().catchUp(nobody);
    begun().catchUp(nobody);
    expect(audit.search()).toHaveLength(1);
  });

  it("what was allowed and never came into the journal ends as failed, once; a line cut short hurts nobody", () => {
    const line = { person: "alice@LAB.TEST", assertedBy: "ticket", vm: "web01", migration: "m9" };
    audit.write({ action: "move-out", outcome: "allowed", ...line });
    appendFileSync(join(folder, "audit.jsonl"), '{"time":1,"act\n');
    begun().endInterrupted(0);
    begun().endInterrupted(0);
    expect(audit.search().map(({ outcome, code }) => [outcome, code])).toEqual([
      ["allowed", undefined],
      ["failed", "MIGRATION_INTERRUPTED"],
    ]);
  });
});
