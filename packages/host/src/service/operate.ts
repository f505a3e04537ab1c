import type { HostCaller, HyperVHost } from "@waybill/hyperv";
import { HostError, Hresult } from "../errors.ts";

/** What a listener may ask the host to do, in a live session's name. */
export const operations = [
  "hostStatus",
  "listVirtualMachines",
  "requestVmState",
  "defineVirtualMachine",
  "removeVirtualMachine",
  "migrate",
  "checkMigratable",
  "isMigratable",
  "compatibilityInfo",
  "checkCompatibilityInfo",
  "migrationServiceState",
  "migrationSettings",
  "modifyMigrationSettings",
  "migrationNetworks",
  "addMigrationNetworks",
  "modifyMigrationNetworks",
  "removeMigrationNetworks",
  "listJobs",
  "cancelJob",
  "migrationProgress",
  "preflightFindings",
  "auditRecords",
] as const satisfies readonly (keyof HyperVHost)[];

export type OperationName = (typeof operations)[number];

type Operation = (caller: HostCaller, ...args: readonly unknown[]) => Promise<unknown>;

/** Calls one operation of the host. @throws HostError `INVALID_REQUEST` for anything that is not on the list. */
export async function operate(
  host: HyperVHost,
  caller: HostCaller,
  name: unknown,
  args: unknown,
): Promise<unknown> {
  const known = operations.find((operation) => operation === name);
  if (known === undefined || !Array.isArray(args)) {
    throw new HostError("there is no such operation", {
      code: "INVALID_REQUEST",
      family: "caller",
      hresult: Hresult.invalidArgument,
    });
  }
  const operation = host[known] as Operation;
  return await operation.call(host, caller, ...(args as unknown[]));
}
