import type { Accelerator } from "../definition/command-line.ts";
import type { VmDefinition } from "../definition/vm-definition.ts";
import type { MigrationOptions } from "../migration/migration-options.ts";
import { type HostCapabilities, resolveMachine } from "./probe-qemu.ts";

/** Why this host cannot run the machine; empty when it can. */
export function definitionProblems(
  definition: VmDefinition,
  capabilities: HostCapabilities,
  accelerator: Accelerator = capabilities.accelerator,
): string[] {
  const problems: string[] = [];
  const machine = capabilities.machines.find(
    ({ name }) => name === resolveMachine(capabilities, definition.machine),
  );
  if (machine === undefined)
    problems.push(`QEMU ${capabilities.version} here does not know machine type ${definition.machine}`);
  else if (definition.vcpus > machine.maxCpus)
    problems.push(
      `machine type ${machine.name} has at most ${machine.maxCpus} CPUs, not ${definition.vcpus}`,
    );
  const { model } = definition.cpu;
  if (!capabilities.cpuModels.some(({ name }) => name === model))
    problems.push(`QEMU ${capabilities.version} here does not know CPU model ${model}`);
  if (model === "host" && accelerator === "tcg")
    problems.push("CPU model host needs KVM, which does not work here");
  return problems;
}

/** Why a migration with these options cannot involve this host; empty when it can. */
export function migrationProblems(options: MigrationOptions, { migration }: HostCapabilities): string[] {
  const problems: string[] = [];
  if (!migration.tlsPsk) problems.push("QEMU here is built without TLS");
  if (options.channels > 1 && !migration.multifd) problems.push("QEMU here has no multifd");
  if (options.compression === "zstd" && !migration.zstd) problems.push("QEMU here is built without zstd");
  if (options.postCopy && !migration.postCopy)
    problems.push(`post-copy does not work here: ${migration.postCopyReason ?? "no reason given"}`);
  return problems;
}
