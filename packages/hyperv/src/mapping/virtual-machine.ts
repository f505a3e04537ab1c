import { ComputerSystem, PlannedComputerSystem } from "../classes/computer-system.ts";
import {
  EthernetPortAllocationSettingData,
  MemorySettingData,
  ProcessorSettingData,
  ResourceSubType,
  ResourceType,
  StorageAllocationSettingData,
  SyntheticEthernetPortSettingData,
} from "../classes/resource-settings.ts";
import {
  plannedSystemType,
  realizedSystemType,
  type VirtualSystemSettingData,
} from "../classes/virtual-system-setting-data.ts";
import { WaybillVirtualMachineDocument } from "../classes/waybill-classes.ts";
import type { VirtualMachine, VmDefinitionRequest, VmDisk, VmNetwork } from "../model/virtual-machine.ts";
import { EnabledState, HealthState, OperationalStatus, vmStateOf } from "../registry/vm-states.ts";
import { chosen, type EmbeddedChoice } from "../schema/wmi-class.ts";
import { formatObjectPath } from "../schema/wmi-reference.ts";

const mebibyte = "byte * 2^20";

/** `Microsoft:<GUID>` names a VM's settings, `Microsoft:<GUID>\<id>` those of one resource. */
export function settingsId(vmId: string, resource?: string): string {
  return resource === undefined ? `Microsoft:${vmId}` : `Microsoft:${vmId}\\${resource}`;
}

/** The resource's id within its VM; undefined when the text is none of ours or Hyper-V's. */
export function resourceIdOf(instanceId: string): string | undefined {
  return /^Microsoft:[^\\]+\\(.+)$/s.exec(instanceId)?.[1];
}

export function vmIdOf(instanceId: string): string | undefined {
  return /^Microsoft:([^\\]+)/.exec(instanceId)?.[1];
}

export function toComputerSystem(vm: VirtualMachine): ComputerSystem {
  const schema = vm.planned === true ? PlannedComputerSystem : ComputerSystem;
  return {
    CreationClassName: schema.className,
    Name: vm.id,
    ElementName: vm.name,
    Caption: "Virtual Machine",
    Description: "Microsoft Virtual Machine",
    InstallDate: vm.created,
    OperationalStatus: vm.migrating
      ? [OperationalStatus.inService, OperationalStatus.migratingVirtualMachine]
      : [vm.health === "ok" ? OperationalStatus.ok : OperationalStatus.degraded],
    StatusDescriptions: vm.statusDescriptions ?? [vm.migrating ? "Migrating" : "Operating normally"],
    Status: vm.health === "ok" ? "OK" : "Degraded",
    HealthState: HealthState[vm.health],
    EnabledState: vm.state === "unknown" ? 0 : EnabledState[vm.state],
    RequestedState: 12,
    OnTimeInMilliseconds: vm.onTime,
    ProcessID: vm.processId,
  };
}

export function toSystemSettings(vm: VirtualMachine): VirtualSystemSettingData {
  return {
    InstanceID: settingsId(vm.id),
    ElementName: vm.name,
    Caption: "Virtual Machine Settings",
    VirtualSystemIdentifier: vm.id,
    VirtualSystemType: vm.planned === true ? plannedSystemType : realizedSystemType,
    Notes: vm.notes,
    CreationTime: vm.created,
  };
}

/** The settings of a VM's resources, for describing it and for defining one. */
export function toResourceSettings(
  vm: VmDefinitionRequest & { readonly id: string },
): readonly EmbeddedChoice[] {
  const choices: EmbeddedChoice[] = [];
  if (vm.memoryMiB !== undefined) {
    const value: MemorySettingData = {
      InstanceID: settingsId(vm.id, "memory"),
      ElementName: "Memory",
      ResourceType: ResourceType.memory,
      ResourceSubType: ResourceSubType.memory,
      AllocationUnits: mebibyte,
      VirtualQuantity: vm.memoryMiB,
      VirtualQuantityUnits: mebibyte,
      DynamicMemoryEnabled: false,
    };
    choices.push({ class: MemorySettingData.className, value });
  }
  if (vm.processors !== undefined) {
    const value: ProcessorSettingData = {
      InstanceID: settingsId(vm.id, "processor"),
      ElementName: "Processor",
      ResourceType: ResourceType.processor,
      ResourceSubType: ResourceSubType.processor,
      VirtualQuantity: vm.processors,
      VirtualQuantityUnits: "count",
    };
    choices.push({ class: ProcessorSettingData.className, value });
  }
  for (const disk of vm.disks ?? []) choices.push(toDiskSetting(vm.id, disk));
  for (const network of vm.networks ?? []) choices.push(...toNetworkSettings(vm.id, network));
  return choices;
}

export function toDiskSetting(vmId: string, disk: VmDisk): EmbeddedChoice {
  const value: StorageAllocationSettingData = {
    InstanceID: settingsId(vmId, disk.id),
    ElementName: "Hard Disk Image",
    ResourceType: ResourceType.logicalDisk,
    ResourceSubType: ResourceSubType.virtualHardDisk,
    HostResource: [disk.path],
    Access: disk.readOnly === true ? 1 : 3,
  };
  return { class: StorageAllocationSettingData.className, value };
}

export function toNetworkSettings(vmId: string, network: VmNetwork): readonly EmbeddedChoice[] {
  const instanceId = settingsId(vmId, network.id);
  const port: SyntheticEthernetPortSettingData = {
    InstanceID: instanceId,
    ElementName: "Network Adapter",
    ResourceType: ResourceType.ethernetPort,
    ResourceSubType: ResourceSubType.syntheticEthernetPort,
    StaticMacAddress: network.mac !== undefined,
    ...(network.mac === undefined ? {} : { Address: network.mac.replaceAll(":", "").toUpperCase() }),
  };
  const connection: EthernetPortAllocationSettingData = {
    InstanceID: `${instanceId}\\C`,
    ElementName: "Dynamic Ethernet Switch Port",
    ResourceType: ResourceType.ethernetConnection,
    ResourceSubType: ResourceSubType.ethernetConnection,
    Parent: formatObjectPath(SyntheticEthernetPortSettingData.referenceBy({ InstanceID: instanceId })),
    ...(network.network === undefined ? {} : { LastKnownSwitchName: network.network }),
  };
  const choices: EmbeddedChoice[] = [{ class: SyntheticEthernetPortSettingData.className, value: port }];
  if (network.network !== undefined) {
    choices.push({ class: EthernetPortAllocationSettingData.className, value: connection });
  }
  return choices;
}

/** What resource settings say about a VM. Settings of classes that are not known are passed over. */
export function fromResourceSettings(
  settings: readonly EmbeddedChoice[],
): Pick<VirtualMachine, "memoryMiB" | "processors" | "disks" | "networks" | "document"> {
  const disks: VmDisk[] = [];
  const networks = new Map<string, VmNetwork>();
  let memoryMiB: number | undefined;
  let processors: number | undefined;
  let document: VirtualMachine["document"];
  for (const setting of settings) {
    memoryMiB ??= chosen(MemorySettingData, setting)?.VirtualQuantity;
    processors ??= chosen(ProcessorSettingData, setting)?.VirtualQuantity;
    const disk = fromDiskSetting(setting, disks.length);
    if (disk !== undefined) disks.push(disk);
    const port = chosen(SyntheticEthernetPortSettingData, setting);
    if (port !== undefined) {
      const id = resourceIdOf(port.InstanceID ?? "") ?? `net${networks.size}`;
      networks.set(id, { ...networks.get(id), id, mac: fromMac(port.Address) });
    }
    const connection = chosen(EthernetPortAllocationSettingData, setting);
    if (connection !== undefined) {
      const id = (resourceIdOf(connection.InstanceID ?? "") ?? `net${networks.size}`).replace(/\\C$/, "");
      networks.set(id, { ...networks.get(id), id, network: connection.LastKnownSwitchName });
    }
    const text = chosen(WaybillVirtualMachineDocument, setting);
    if (text?.Text !== undefined) document = { format: text.Format ?? "", text: text.Text };
  }
  return { memoryMiB, processors, disks, networks: [...networks.values()], document };
}

function fromDiskSetting(setting: EmbeddedChoice, index: number): VmDisk | undefined {
  const disk = chosen(StorageAllocationSettingData, setting);
  const path = disk?.HostResource?.[0];
  if (disk === undefined || path === undefined) return undefined;
  return { id: resourceIdOf(disk.InstanceID ?? "") ?? `disk${index}`, path, readOnly: disk.Access === 1 };
}

function fromMac(address: string | undefined): string | undefined {
  if (address === undefined || !/^[0-9A-F]{12}$/i.test(address)) return address;
  return address.toLowerCase().replace(/(..)(?!$)/g, "$1:");
}

export function fromComputerSystem(
  system: ComputerSystem,
  settings?: VirtualSystemSettingData,
  resources?: readonly EmbeddedChoice[],
): VirtualMachine {
  const health = system.HealthState ?? HealthState.ok;
  return {
    id: system.Name,
    name: system.ElementName ?? system.Name,
    state: vmStateOf(system.EnabledState),
    migrating: system.OperationalStatus?.includes(OperationalStatus.migratingVirtualMachine) ?? false,
    planned: system.CreationClassName === PlannedComputerSystem.className,
    health: health >= HealthState.critical ? "critical" : health >= HealthState.minor ? "minor" : "ok",
    statusDescriptions: system.StatusDescriptions,
    onTime: system.OnTimeInMilliseconds,
    processId: system.ProcessID,
    created: system.InstallDate ?? settings?.CreationTime,
    notes: settings?.Notes,
    ...(resources === undefined ? {} : fromResourceSettings(resources)),
  };
}

/** A VM is named by a GUID; the hosting computer, an instance of the same class, by its host name. */
export function isVirtualMachine(system: ComputerSystem): boolean {
  return /^\{?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}?$/i.test(system.Name);
}

/** The input of DefineSystem. */
export function toDefinition(request: VmDefinitionRequest): {
  readonly SystemSettings: Partial<VirtualSystemSettingData>;
  readonly ResourceSettings: readonly EmbeddedChoice[];
} {
  const id = request.id ?? "Definition";
  const document = request.document;
  return {
    SystemSettings: {
      ElementName: request.name,
      VirtualSystemIdentifier: request.id,
      Notes: request.notes,
    },
    ResourceSettings: [
      ...toResourceSettings({ ...request, id }),
      ...(document === undefined
        ? []
        : [
            {
              class: WaybillVirtualMachineDocument.className,
              value: { Format: document.format, Text: document.text },
            },
          ]),
    ],
  };
}

export function fromDefinition(
  settings: Partial<VirtualSystemSettingData>,
  resources: readonly EmbeddedChoice[],
): VmDefinitionRequest {
  return {
    name: settings.ElementName ?? "",
    id: settings.VirtualSystemIdentifier,
    notes: settings.Notes,
    ...fromResourceSettings(resources),
  };
}
