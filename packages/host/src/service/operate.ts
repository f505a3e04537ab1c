import type { HostCaller, HyperVHost } from "@waybill/hyperv";
import * as v from "valibot";
import { HostError, Hresult } from "../errors.ts";

const text = v.pipe(v.string(), v.maxLength(4096));
const texts = v.pipe(v.array(text), v.maxLength(1024));
const flag = v.optional(v.boolean());
const number = v.optional(v.pipe(v.number(), v.finite()));

const disk = v.looseObject({ id: text, path: text, readOnly: flag });
const network = v.looseObject({ id: text, mac: v.optional(text), network: v.optional(text) });
const definition = v.looseObject({
  name: text,
  id: v.optional(text),
  memoryMiB: number,
  processors: number,
  disks: v.optional(v.pipe(v.array(disk), v.maxLength(64))),
  networks: v.optional(v.pipe(v.array(network), v.maxLength(64))),
  document: v.optional(v.object({ format: text, text: v.pipe(v.string(), v.maxLength(1 << 20)) })),
});
const migration = v.looseObject({
  vmId: text,
  destinationHost: text,
  type: text,
  compression: flag,
  options: v.optional(
    v.looseObject({
      performance: v.optional(v.picklist(["tcpip", "compression", "multifd"])),
      downtimeLimit: number,
      bandwidthLimit: number,
      autoConverge: flag,
      postCopy: flag,
    }),
  ),
});
const migrationNetworks = v.pipe(
  v.array(v.looseObject({ subnet: text, prefixLength: v.number(), metric: v.number() })),
  v.maxLength(1024),
);
const position = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const vmRequest = v.picklist(["running", "off", "shutdown", "saved", "paused", "restart", "reset"]);
const auditQuery = v.looseObject({
  vm: v.optional(text),
  person: v.optional(text),
  since: number,
  limit: number,
});

/** What a listener may ask the host to do in a live session's name, and what it has to give with it. */
const operationArguments = {
  hostStatus: [],
  listVirtualMachines: [],
  requestVmState: [text, vmRequest],
  defineVirtualMachine: [definition],
  removeVirtualMachine: [text],
  migrate: [migration],
  checkMigratable: [migration],
  isMigratable: [migration],
  compatibilityInfo: [v.optional(text)],
  checkCompatibilityInfo: [v.pipe(v.string(), v.maxLength(1 << 20))],
  migrationServiceState: [],
  migrationSettings: [],
  modifyMigrationSettings: [v.looseObject({})],
  migrationNetworks: [],
  addMigrationNetworks: [migrationNetworks],
  modifyMigrationNetworks: [migrationNetworks],
  removeMigrationNetworks: [texts],
  listJobs: [],
  cancelJob: [text],
  migrationProgress: [v.optional(text), v.optional(v.pipe(v.number(), v.safeInteger()))],
  preflightFindings: [v.optional(text)],
  auditRecords: [auditQuery],
  openConsole: [text, v.boolean()],
  readConsole: [text, position, v.pipe(v.number(), v.minValue(0))],
  writeConsole: [text, position, v.pipe(v.instance(Uint8Array), v.maxLength(64 * 1024))],
  closeConsole: [text],
} as const satisfies Partial<Record<keyof HyperVHost, readonly v.GenericSchema[]>>;

export type OperationName = keyof typeof operationArguments;
export const operations = Object.keys(operationArguments) as OperationName[];

type Operation = (caller: HostCaller, ...args: readonly unknown[]) => Promise<unknown>;

/** Calls one operation of the host. @throws HostError `INVALID_REQUEST` for anything that is not on the list. */
export async function operate(
  host: HyperVHost,
  caller: HostCaller,
  name: unknown,
  args: unknown,
): Promise<unknown> {
  const known = operations.find((operation) => operation === name);
  if (known === undefined || !Array.isArray(args)) throw invalid("there is no such operation");
  const checked = operationArguments[known].map((schema, index) => {
    // JSON has no undefined: an argument left out in the middle arrives as null.
    const given: unknown = args[index] ?? undefined;
    const result = v.safeParse(schema, given);
    if (result.success) return result.output;
    const [issue] = result.issues;
    throw invalid(`${known}: ${v.getDotPath(issue) ?? `argument ${index + 1}`}: ${issue.message}`);
  });
  const operation = host[known] as Operation;
  return await operation.call(host, caller, ...checked);
}

function invalid(message: string): HostError {
  return new HostError(message, {
    code: "INVALID_REQUEST",
    family: "caller",
    hresult: Hresult.invalidArgument,
    remedy: "Check that the listener and the service are of the same version.",
  });
}
