import { randomUUID } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { PreflightFinding } from "@waybill/hyperv";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TwoHosts } from "./support/two-hosts.ts";
import { type WritingMachine, writingMachine } from "./support/writing-machine.ts";

describe("preflight: one report of everything a move would be refused for", () => {
  let world: TwoHosts;
  let machine: WritingMachine;
  beforeAll(async () => {
    machine = writingMachine();
    world = await TwoHosts.start({ machine: machine.describe });
  });
  afterAll(async () => await world.close());

  async function check(): Promise<{ state: string; findings: readonly PreflightFinding[] }> {
    const [from, to] = world.hosts;
    const { host, caller } = await from.as(world.alice);
    const request = { vmId: world.vm, destinationHost: to.fullName, type: "vmAndStorage" } as const;
    const { jobId = "" } = await host.checkMigratable(caller, request);
    const { state } = await world.outcome(from, jobId);
    return { state, findings: await host.preflightFindings(caller, jobId) };
  }

  test("nothing is wrong: every check says what it found", async () => {
    const { state, findings } = await check();
    expect(findings.filter(({ severity }) => severity !== "ok")).toEqual([]);
    expect(state).toBe("completed");
    expect(findings.map(({ check: name }) => name)).toEqual(
      expect.arrayContaining([
        "delegation",
        "storage-delegation",
        "machine-type",
        "accelerator",
        "networks",
        "disk-paths",
        "memory",
        "disk-space",
        "clock",
        "limits",
      ]),
    );
    expect(world.copies.states.size).toBe(1);
  });

  test("several things are wrong: all of them are told, and nothing moves", async () => {
    const [, to] = world.hosts;
    const { host, caller } = await to.as(world.alice);
    const id = randomUUID();
    const text = JSON.stringify({ name: "web01", uuid: id, memoryMiB: 16 });
    await host.defineVirtualMachine(caller, {
      name: "web01",
      id,
      document: { format: "waybill-vm/1", text },
    });
    mkdirSync(dirname(machine.image(to)), { recursive: true });
    writeFileSync(machine.image(to), "somebody's");
    world.domain.directory.setDelegation("KVM01", {
      to: [`Microsoft Virtual System Migration Service/${to.fullName}`],
    });
    const { state, findings } = await check();
    expect(state).toBe("exception");
    expect(findings.filter(({ severity }) => severity === "error").map(({ code }) => code)).toEqual([
      "NO_SUITABLE_CREDENTIALS",
      "VM_EXISTS",
      "FILE_EXISTS",
      "STORAGE_NOT_AUTHORIZED",
    ]);
  });

  test("the machine type is pinned when the machine starts", async () => {
    const view = await world.seen(world.hosts[0]);
    expect(JSON.parse(view?.document?.text ?? "{}")).toMatchObject({
      machine: expect.stringMatching(/^pc-q35-\d/),
    });
  });
});
