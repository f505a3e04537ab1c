import type { EpochMs } from "@waybill/base";
import type { VmState } from "../registry/vm-states.ts";

export interface VmDisk {
  readonly id: string;
  /** The path of the image on its host. */
  readonly path: string;
  readonly readOnly?: boolean | undefined;
}

export interface VmNetwork {
  readonly id: string;
  /** Lower case, colons. */
  readonly mac?: string | undefined;
  /** The name of the switch or network. */
  readonly network?: string | undefined;
}

/**
 * A host's own description of a VM, carried as text and not read here: JSON of `@waybill/qemu`'s VmDefinition has
 * the format `waybill-vm/1`. Hyper-V hosts have none.
 */
export interface VmDocument {
  readonly format: string;
  readonly text: string;
}

/** A virtual machine as the WMI v2 classes describe it. What a listing leaves out is undefined. */
export interface VirtualMachine {
  /** A GUID. Compared without case. */
  readonly id: string;
  readonly name: string;
  readonly state: VmState;
  readonly migrating: boolean;
  /** Created at a destination ahead of a migration and not runnable yet (Msvm_PlannedComputerSystem). */
  readonly planned?: boolean | undefined;
  readonly health: "ok" | "minor" | "critical";
  /** Why it is in this state, a sentence each; a machine that waits for a person says here what for. */
  readonly statusDescriptions?: readonly string[] | undefined;
  /** Milliseconds since it was started. */
  readonly onTime?: number | undefined;
  readonly processId?: number | undefined;
  readonly created?: EpochMs | undefined;
  readonly notes?: readonly string[] | undefined;
  readonly memoryMiB?: number | undefined;
  readonly processors?: number | undefined;
  readonly disks?: readonly VmDisk[] | undefined;
  readonly networks?: readonly VmNetwork[] | undefined;
  readonly document?: VmDocument | undefined;
}

/** What a VM is defined from: Hyper-V's settings, or for Waybill hosts a document that says everything. */
export interface VmDefinitionRequest {
  readonly name: string;
  /** Chosen by the host when absent. */
  readonly id?: string | undefined;
  readonly notes?: readonly string[] | undefined;
  readonly memoryMiB?: number | undefined;
  readonly processors?: number | undefined;
  readonly disks?: readonly VmDisk[] | undefined;
  readonly networks?: readonly VmNetwork[] | undefined;
  readonly document?: VmDocument | undefined;
}
