import { stat, statfs } from "node:fs/promises";
import { freemem } from "node:os";
import { WaybillError } from "@waybill/base";
import { definitionProblems, migrationProblems, type VmDefinition } from "@waybill/qemu";
import { HostError, Hresult } from "../errors.ts";
import type { Journal } from "../journal/journal.ts";
import type { Finding } from "../service/jobs.ts";
import type { VmManager } from "../service/vm-manager.ts";
import type { HostFacts, SourceMessage } from "./messages.ts";
import { qemuOptions } from "./transfer-options.ts";

type Prepare = Extract<SourceMessage, { type: "prepare" }>;

/** A machine that is to come here. */
export interface Arrival {
  readonly host: string;
  readonly journal: Journal;
  readonly vms: VmManager;
  /** As it would be here: its travelling disks at their new places. */
  readonly definition: VmDefinition;
  readonly message: Prepare;
  /** What the source says of itself; older ones say nothing. */
  readonly source?: HostFacts | undefined;
}

interface Check {
  readonly name: string;
  /** Says what is right, or throws what is wrong. */
  readonly run: (arrival: Arrival) => Promise<string> | string;
}

const checks: readonly Check[] = [
  { name: "name", run: demandUnknown },
  { name: "machine-type", run: machineAndCpu },
  { name: "accelerator", run: accelerator },
  { name: "transfer-options", run: transfer },
  { name: "networks", run: networks },
  { name: "disk-paths", run: files },
  { name: "memory", run: memory },
  { name: "disk-space", run: space },
  { name: "clock", run: clock },
];

/** Everything that can be known to be wrong before anything moves. @throws HostError, the first thing that is. */
export async function demandFit(arrival: Arrival): Promise<void> {
  for (const { run } of checks) await run(arrival);
}

/** The same as a report: a finding for each check, right or wrong. */
export async function examine(arrival: Arrival): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { name, run } of checks) {
    try {
      findings.push({ check: name, severity: "ok", message: await run(arrival) });
    } catch (error) {
      findings.push(findingOf(name, error));
    }
  }
  return findings;
}

export function findingOf(check: string, error: unknown): Finding {
  if (!(error instanceof WaybillError))
    return { check, severity: "error", message: "it could not be checked", code: "INTERNAL_ERROR" };
  const { message, code, remedy } = error;
  return { check, severity: "error", message, code, remedy };
}

export function demandUnknown({
  journal,
  host,
  definition,
}: Pick<Arrival, "journal" | "host" | "definition">): string {
  const existing = journal.vm(definition.uuid) ?? journal.vmByName(definition.name);
  if (existing === undefined) return `${host} has no machine of that name yet`;
  throw unfit(`${host} already has a virtual machine called ${existing.name}`, {
    code: "VM_EXISTS",
    facts: { vm: existing.name, custody: existing.custody.state },
    remedy: "Remove or rename the one at the destination, or wait until its own migration has settled.",
  });
}

async function machineAndCpu({ host, vms, definition, source }: Arrival): Promise<string> {
  const capabilities = await vms.capabilities();
  const problems = definitionProblems(definition, capabilities, vms.options.accelerator);
  if (problems.length > 0)
    throw unfit(`${host} cannot run ${definition.name}: ${problems.join("; ")}`, {
      code: "HARDWARE_NOT_SUPPORTED",
      facts: { machine: definition.machine, cpu: definition.cpu.model, qemu: capabilities.version },
      remedy: "Give the machine a type and a CPU model that both hosts' QEMU know.",
    });
  const versions = source === undefined ? "" : ` (QEMU ${source.qemu} there, ${capabilities.version} here)`;
  return `${definition.machine} and CPU model ${definition.cpu.model} are known here${versions}`;
}

function accelerator({ host, vms, source }: Arrival): string {
  const here = vms.options.accelerator;
  if (source === undefined || source.accelerator === here) return `both hosts use ${here}`;
  throw unfit(`the source runs machines under ${source.accelerator}, ${host} under ${here}`, {
    code: "ACCELERATOR_DIFFERS",
    remedy: "Use hosts with the same accelerator: the guest's CPU would change under its feet.",
  });
}

async function transfer({ host, vms, message }: Arrival): Promise<string> {
  const problems = migrationProblems(qemuOptions(message.options), await vms.capabilities());
  if (problems.length === 0) return `${message.options.performance} works here, encrypted with TLS`;
  throw unfit(`${host} cannot receive memory that way: ${problems.join("; ")}`, {
    code: "TRANSFER_NOT_SUPPORTED",
    remedy: "Choose another performance option.",
  });
}

function networks({ vms, definition }: Arrival): string {
  vms.place(definition);
  const names = definition.networks.flatMap(({ attachment }) =>
    attachment.kind === "named" ? [attachment.name] : [],
  );
  return names.length === 0 ? "the machine uses no named network" : `${names.join(", ")}: known here`;
}

async function files({ host, vms, definition, message }: Arrival): Promise<string> {
  const arriving = arrivingPaths(definition, message);
  vms.files.check(definition);
  await vms.files.checkPresent(definition, new Set(arriving));
  for (const path of arriving) await demandFree(host, path);
  return arriving.length === 0 ? "every file is here" : `disks will be ${arriving.join(", ")}`;
}

/** A file that is there already is somebody's, and must outlive a migration that fails. */
async function demandFree(host: string, path: string): Promise<void> {
  if ((await stat(path).catch(() => undefined)) === undefined) return;
  throw unfit(`${host} already has a file ${path}`, {
    code: "FILE_EXISTS",
    facts: { path },
    remedy: "Move or remove that file: an arriving disk never overwrites one.",
  });
}

function memory({ host, definition }: Arrival): string {
  const needed = definition.memoryMiB * 1024 * 1024;
  if (needed <= freemem()) return `${mebibytes(freemem())} MiB free, ${definition.memoryMiB} needed`;
  throw unfit(
    `${host} has ${mebibytes(freemem())} MiB of memory free, ${definition.name} needs ${definition.memoryMiB}`,
    {
      code: "NOT_ENOUGH_MEMORY",
      hresult: Hresult.outOfMemory,
      facts: { host, free: freemem(), needed },
      remedy: "Free memory on the destination, or choose another one.",
    },
  );
}

async function space({ host, vms, message }: Arrival): Promise<string> {
  if (message.disks.length === 0) return "no disk travels";
  const wanted = message.disks.reduce((total, disk) => total + disk.bytes, 0);
  const { bavail, bsize } = await statfs(vms.options.storage[0] ?? "/");
  const free = bavail * bsize;
  if (wanted <= free) return `${mebibytes(free)} MiB free, ${mebibytes(wanted)} needed`;
  throw unfit(`${host} has ${mebibytes(free)} MiB of disk space free, the disks need ${mebibytes(wanted)}`, {
    code: "NOT_ENOUGH_SPACE",
    facts: { needed: wanted, free },
    remedy: "Free space in the destination's first storage folder.",
  });
}

/** Kerberos allows five minutes; near its end a migration that begins well may not be settled. */
const tolerated = 4 * 60_000;

function clock({ host, source }: Arrival): string {
  if (source === undefined) return "the source does not say what time it has";
  const apart = Math.abs(Date.now() - source.time);
  if (apart < tolerated) return `the hosts' clocks are ${apart} ms apart at most`;
  throw unfit(`the clocks of the source and ${host} are ${Math.round(apart / 1000)} s apart`, {
    code: "CLOCK_SKEW",
    remedy: "Let both hosts take their time from the domain.",
  });
}

export function arrivingPaths(definition: VmDefinition, { disks }: Prepare): string[] {
  return disks.map(({ id }) => {
    const path = definition.disks.find((disk) => disk.id === id && !disk.readOnly)?.path;
    if (path !== undefined) return path;
    throw new HostError(`the source announces disk ${id}, which the definition does not have`, {
      code: "MIGRATION_PROTOCOL_ERROR",
      family: "peer",
      hresult: Hresult.invalidArgument,
      facts: { disk: id },
      remedy: "Check that both hosts run compatible versions of Waybill.",
    });
  });
}

function mebibytes(bytes: number): number {
  return Math.floor(bytes / (1024 * 1024));
}

function unfit(
  message: string,
  details: {
    code: string;
    remedy: string;
    hresult?: number;
    facts?: Readonly<Record<string, string | number | boolean>>;
  },
): HostError {
  return new HostError(message, { family: "environment", hresult: Hresult.failed, ...details });
}
