import { arrayOf, boolean, required, string, uint16, uint32, uint64 } from "../schema/property.ts";
import { type Instance, wmiClass } from "../schema/wmi-class.ts";

/** ResourceType of CIM_ResourceAllocationSettingData. */
export const ResourceType = {
  processor: 3,
  memory: 4,
  ethernetPort: 10,
  logicalDisk: 31,
  ethernetConnection: 33,
} as const;

/** ResourceSubType, as Hyper-V spells them. */
export const ResourceSubType = {
  memory: "Microsoft:Hyper-V:Memory",
  processor: "Microsoft:Hyper-V:Processor",
  virtualHardDisk: "Microsoft:Hyper-V:Virtual Hard Disk",
  syntheticEthernetPort: "Microsoft:Hyper-V:Synthetic Ethernet Port",
  ethernetConnection: "Microsoft:Hyper-V:Ethernet Connection",
} as const;

const common = {
  /** `Microsoft:<VM's GUID>\<id>` */
  InstanceID: required(string),
  Caption: string,
  Description: string,
  ElementName: string,
  ResourceType: uint16,
  ResourceSubType: string,
  PoolID: string,
  HostResource: arrayOf(string),
  AllocationUnits: string,
  VirtualQuantity: uint64,
  Weight: uint32,
  Parent: string,
  Connection: arrayOf(string),
  Address: string,
  AddressOnParent: string,
  VirtualQuantityUnits: string,
} as const;

const superclasses = ["CIM_ResourceAllocationSettingData", "CIM_SettingData"];

/** A VM's memory; VirtualQuantity in MiB (HyperV_v2/msvm-memorysettingdata). */
export const MemorySettingData = wmiClass("Msvm_MemorySettingData", {
  keys: ["InstanceID"],
  superclasses,
  properties: { ...common, DynamicMemoryEnabled: boolean },
});
export type MemorySettingData = Instance<typeof MemorySettingData>;

/** A VM's processors; VirtualQuantity is their number (HyperV_v2/msvm-processorsettingdata). */
export const ProcessorSettingData = wmiClass("Msvm_ProcessorSettingData", {
  keys: ["InstanceID"],
  superclasses,
  properties: { ...common, LimitProcessorFeatures: boolean },
});
export type ProcessorSettingData = Instance<typeof ProcessorSettingData>;

/** A disk image; its path is HostResource[0] (HyperV_v2/msvm-storageallocationsettingdata). */
export const StorageAllocationSettingData = wmiClass("Msvm_StorageAllocationSettingData", {
  keys: ["InstanceID"],
  superclasses: ["CIM_StorageAllocationSettingData", ...superclasses],
  /** Access: 1 readable, 2 writeable, 3 both. */
  properties: { ...common, Access: uint16 },
});
export type StorageAllocationSettingData = Instance<typeof StorageAllocationSettingData>;

/** A network card; Address is the MAC, twelve digits (HyperV_v2/msvm-syntheticethernetportsettingdata). */
export const SyntheticEthernetPortSettingData = wmiClass("Msvm_SyntheticEthernetPortSettingData", {
  keys: ["InstanceID"],
  superclasses: ["CIM_EthernetPortAllocationSettingData", ...superclasses],
  properties: { ...common, StaticMacAddress: boolean },
});
export type SyntheticEthernetPortSettingData = Instance<typeof SyntheticEthernetPortSettingData>;

/** A card's connection to a switch; Parent is the card's path (HyperV_v2/msvm-ethernetportallocationsettingdata). */
export const EthernetPortAllocationSettingData = wmiClass("Msvm_EthernetPortAllocationSettingData", {
  keys: ["InstanceID"],
  superclasses: ["CIM_EthernetPortAllocationSettingData", ...superclasses],
  properties: { ...common, EnabledState: uint16, LastKnownSwitchName: string },
});
export type EthernetPortAllocationSettingData = Instance<typeof EthernetPortAllocationSettingData>;
