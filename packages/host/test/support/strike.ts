import { sleep } from "@waybill/base";
import type { MigrationStep } from "../../src/migration/steps.ts";
import type { TestHost } from "./test-host.ts";
import type { TwoHosts } from "./two-hosts.ts";

export const faults = [
  "kill the source's service",
  "kill the destination's service",
  "kill both services",
  "kill the source's QEMU",
  "kill the destination's QEMU",
  "kill both QEMUs",
  "kill the source's service and QEMU",
  "kill the destination's service and QEMU",
  "cut the connection",
  "cut the connection for a while",
  "fail the step",
] as const;
export type Fault = (typeof faults)[number];

export interface Strike {
  readonly step: MigrationStep;
  readonly fault: Fault;
  readonly withDisks?: boolean;
}

export interface StrikeResult {
  /** Whether the migration came as far as the step. */
  readonly struck: boolean;
  readonly from: TestHost;
  readonly at: TestHost;
  /** `moved`, `stayed`, and whether the same guest goes on or a new one had to be booted. */
  readonly outcome: string;
  /** Why the move failed, if its job could say so. */
  readonly error?: string | undefined;
  readonly milliseconds: number;
}

/** Begins a move, lets a fault happen at a step, and waits until exactly one copy runs. */
export async function strike(world: TwoHosts, { step, fault, withDisks }: Strike): Promise<StrikeResult> {
  const from = world.home;
  const to = world.other(from);
  const begun = Date.now();
  let struck = false;
  let damage: Promise<void> = Promise.resolve();
  world.onStep = async (_host, reached) => {
    if (struck || reached !== step) return "go";
    struck = true;
    if (fault === "fail the step") return "fail";
    damage = inflict(world, fault, from, to);
    await damage;
    return "go";
  };
  const before = world.copies.pid(from);
  const job = await world.move(from, withDisks ? { type: "vmAndStorage" } : {});
  await world.until(async () => struck || (await isOver(world, from, job)), `${fault} at ${step}`);
  await damage;
  if (struck && fault.includes("service")) {
    // Whichever was killed comes back, as systemd would have it.
    for (const host of world.hosts) await host.revive();
  }
  const at = await world.settled();
  world.onStep = async () => "go";
  const lost =
    at === from ? world.copies.pid(from) !== before : fault.includes("QEMU") && world.copies.restarted(at);
  return {
    struck,
    from,
    at,
    outcome: `${at === from ? "stayed" : "moved"}${lost ? ", booted anew" : ""}`,
    error: (await world.job(from, job).catch(() => undefined))?.errorDescription,
    milliseconds: Date.now() - begun,
  };
}

async function isOver(world: TwoHosts, host: TestHost, id: string): Promise<boolean> {
  const job = await world.job(host, id).catch(() => undefined);
  return job !== undefined && ["completed", "exception", "terminated"].includes(job.state);
}

async function inflict(world: TwoHosts, fault: Fault, from: TestHost, to: TestHost): Promise<void> {
  const victims = fault.includes("both") ? [from, to] : fault.includes("source") ? [from] : [to];
  if (fault.startsWith("kill")) {
    if (fault.includes("QEMU")) for (const host of victims) world.copies.kill(host);
    if (fault.includes("service")) await Promise.all(victims.map((host) => host.kill()));
    return;
  }
  const link = world.links[world.hosts.indexOf(from)];
  link?.cut(fault.endsWith("while"));
  if (fault.endsWith("while")) void sleep(700).then(() => link?.mend());
}
