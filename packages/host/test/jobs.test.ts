import { describe, expect, it } from "vitest";
import { JobStore } from "../src/service/jobs.ts";

const order = {
  kind: "move",
  vm: { id: "1", name: "web01" },
  destination: "kvm02.lab.test",
  owner: "alice@LAB.TEST",
  withDisks: false,
} as const;

describe("who follows a job", () => {
  it("hears of the next change at once", async () => {
    const jobs = new JobStore();
    const { job } = jobs.create(order);
    let heard = false;
    const waiting = jobs.changed(job.id, job.revision, 60_000).then(() => {
      heard = true;
    });
    await Promise.resolve();
    expect(heard).toBe(false);
    jobs.update(job.id, { state: "running" });
    await waiting;
    expect(jobs.get(job.id)?.revision).toBeGreaterThan(job.revision);
  });

  it("does not wait for what has changed already, has ended, or was never there", async () => {
    const jobs = new JobStore();
    const { job } = jobs.create(order);
    await jobs.changed(job.id, job.revision - 1, 60_000);
    jobs.end(job.id, "completed");
    await jobs.changed(job.id, jobs.get(job.id)?.revision ?? 0, 60_000);
    await jobs.changed("unknown", 0, 60_000);
  });

  it("is answered in the end when nothing changes", async () => {
    const jobs = new JobStore();
    const { job } = jobs.create(order);
    await jobs.changed(job.id, job.revision, 20);
    expect(jobs.get(job.id)?.revision).toBe(job.revision);
  });
});
