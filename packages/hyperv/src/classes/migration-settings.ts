import { arrayOf, boolean, required, string, uint8, uint16, uint32 } from "../schema/property.ts";
import { type Instance, wmiClass } from "../schema/wmi-class.ts";

/** How one migration is to be done (HyperV_v2/msvm-virtualsystemmigrationsettingdata). Only ever embedded. */
export const VirtualSystemMigrationSettingData = wmiClass("Msvm_VirtualSystemMigrationSettingData", {
  keys: ["InstanceID"],
  superclasses: ["CIM_VirtualSystemMigrationSettingData", "CIM_SettingData"],
  properties: {
    InstanceID: string,
    Caption: string,
    Description: string,
    ElementName: string,
    MigrationType: uint16,
    Priority: uint16,
    Bandwidth: uint16,
    BandwidthUnit: string,
    TransportType: uint16,
    OtherTransportType: string,
    DestinationPlannedVirtualSystemId: string,
    DestinationIPAddressList: arrayOf(string),
    RetainVhdCopiesOnSource: boolean,
    EnableCompression: boolean,
    AvoidRemovingVHDs: boolean,
    AllowOverwriteExistingFile: boolean,
    RemoveSourceUnmanagedVhds: boolean,
    UnmanagedVhds: arrayOf(string),
    CPUCappingMagnitude: uint16,
    CancelIfBlackoutThresholdExceeded: boolean,
  },
});
export type VirtualSystemMigrationSettingData = Instance<typeof VirtualSystemMigrationSettingData>;

/** The host's live migration settings (HyperV_v2/msvm-virtualsystemmigrationservicesettingdata). */
export const VirtualSystemMigrationServiceSettingData = wmiClass(
  "Msvm_VirtualSystemMigrationServiceSettingData",
  {
    keys: ["InstanceID"],
    superclasses: ["CIM_SettingData"],
    properties: {
      InstanceID: required(string),
      Caption: string,
      Description: string,
      ElementName: string,
      EnableVirtualSystemMigration: boolean,
      MaximumActiveVirtualSystemMigration: uint32,
      MaximumActiveStorageMigration: uint32,
      AuthenticationType: uint32,
      EnableCompression: boolean,
      EnableSmbTransport: boolean,
    },
  },
);
export type VirtualSystemMigrationServiceSettingData = Instance<
  typeof VirtualSystemMigrationServiceSettingData
>;

/** A network for incoming migrations (HyperV_v2/msvm-virtualsystemmigrationnetworksettingdata). */
export const VirtualSystemMigrationNetworkSettingData = wmiClass(
  "Msvm_VirtualSystemMigrationNetworkSettingData",
  {
    keys: ["InstanceID"],
    superclasses: ["CIM_SettingData"],
    properties: {
      InstanceID: required(string),
      Caption: string,
      Description: string,
      ElementName: string,
      SubnetNumber: string,
      PrefixLength: uint8,
      Metric: uint32,
      Tags: arrayOf(string),
    },
  },
);
export type VirtualSystemMigrationNetworkSettingData = Instance<
  typeof VirtualSystemMigrationNetworkSettingData
>;

/** What the migration service can do (HyperV_v2/msvm-virtualsystemmigrationcapabilities). */
export const VirtualSystemMigrationCapabilities = wmiClass("Msvm_VirtualSystemMigrationCapabilities", {
  keys: ["InstanceID"],
  superclasses: ["CIM_VirtualSystemMigrationCapabilities", "CIM_Capabilities"],
  properties: {
    InstanceID: required(string),
    Caption: string,
    Description: string,
    ElementName: string,
    SynchronousMethodsSupported: arrayOf(uint16),
    AsynchronousMethodsSupported: arrayOf(uint16),
    DestinationHostFormatsSupported: arrayOf(uint16),
  },
});
export type VirtualSystemMigrationCapabilities = Instance<typeof VirtualSystemMigrationCapabilities>;
