import {
  arrayOf,
  boolean,
  embedded,
  interval,
  reference,
  required,
  string,
  uint8,
  uint16,
  uint32,
  uint64,
} from "../schema/property.ts";
import type { PropertyMap } from "../schema/record-codec.ts";
import { type Instance, method, wmiClass } from "../schema/wmi-class.ts";
import {
  VirtualSystemMigrationNetworkSettingData,
  VirtualSystemMigrationServiceSettingData,
  VirtualSystemMigrationSettingData,
} from "./migration-settings.ts";
import { MsvmError } from "./msvm-error.ts";
import { resourceSetting } from "./resource-choice.ts";
import { VirtualSystemSettingData } from "./virtual-system-setting-data.ts";

const service = {
  SystemCreationClassName: required(string),
  SystemName: required(string),
  CreationClassName: required(string),
  Name: required(string),
  Caption: string,
  Description: string,
  ElementName: string,
  OperationalStatus: arrayOf(uint16),
  StatusDescriptions: arrayOf(string),
  Status: string,
  HealthState: uint16,
  Started: boolean,
} as const;

const serviceKeys = ["SystemCreationClassName", "SystemName", "CreationClassName", "Name"] as const;

const stateChange = {
  RequestStateChange: method(
    { RequestedState: required(uint16), TimeoutPeriod: interval },
    { Job: reference },
  ),
  StartService: method({}, {}),
  StopService: method({}, {}),
} as const;

/** Defines and removes VMs (HyperV_v2/msvm-virtualsystemmanagementservice). One instance, Name `vmms`. */
export const VirtualSystemManagementService = wmiClass("Msvm_VirtualSystemManagementService", {
  keys: serviceKeys,
  superclasses: ["CIM_VirtualSystemManagementService", "CIM_Service"],
  properties: service,
  methods: {
    ...stateChange,
    DefineSystem: method(
      {
        SystemSettings: required(embedded(VirtualSystemSettingData)),
        ResourceSettings: arrayOf(resourceSetting),
        ReferenceConfiguration: reference,
      },
      { ResultingSystem: reference, Job: reference },
    ),
    DestroySystem: method({ AffectedSystem: required(reference) }, { Job: reference }),
  },
});
export type VirtualSystemManagementService = Instance<typeof VirtualSystemManagementService>;

/** The parameters of all migration methods, in the order of the documentation. */
const migrationOf = <D extends PropertyMap>(destination: D) => ({
  ComputerSystem: required(reference),
  ...destination,
  MigrationSettingData: embedded(VirtualSystemMigrationSettingData),
  NewSystemSettingData: embedded(VirtualSystemSettingData),
  NewResourceSettingData: arrayOf(resourceSetting),
});
const toHost = migrationOf({ DestinationHost: required(string) });
const toSystem = migrationOf({ DestinationSystem: required(reference) });

/** One side of a comparison of processors (HyperV_v2/msvm-compatibilityvector). */
export const CompatibilityVector = wmiClass("Msvm_CompatibilityVector", {
  keys: [],
  properties: { VectorId: uint32, CompareOperation: uint32, CompatibilityInfo: uint64 },
});
export type CompatibilityVector = Instance<typeof CompatibilityVector>;

/**
 * Moves VMs and holds the settings of moving (HyperV_v2/msvm-virtualsystemmigrationservice). One instance, Name
 * `migrationwmi`. ModifyServiceSettings takes the *migration* service's settings: the page for the method links
 * another class by mistake.
 */
export const VirtualSystemMigrationService = wmiClass("Msvm_VirtualSystemMigrationService", {
  keys: serviceKeys,
  superclasses: ["CIM_VirtualSystemMigrationService", "CIM_Service"],
  properties: {
    ...service,
    ActiveVirtualSystemMigrationCount: uint32,
    ActiveStorageMigrationCount: uint32,
    MigrationServiceListenerIPAddressList: arrayOf(string),
  },
  methods: {
    ...stateChange,
    MigrateVirtualSystemToHost: method(toHost, { Job: reference }),
    MigrateVirtualSystemToSystem: method(toSystem, { NewComputerSystem: reference, Job: reference }),
    CheckVirtualSystemIsMigratable: method(toHost, { Job: reference }),
    CheckVirtualSystemIsMigratableToHost: method(toHost, { IsMigratable: boolean }),
    CheckVirtualSystemIsMigratableToSystem: method(toSystem, { IsMigratable: boolean }),
    GetSystemCompatibilityInfo: method(
      { ComputerSystem: required(reference) },
      { CompatibilityInfo: arrayOf(uint8) },
    ),
    CheckSystemCompatibilityInfo: method(
      { CompatibilityInfo: arrayOf(uint8) },
      { Reasons: arrayOf(embedded(MsvmError)) },
    ),
    GetSystemCompatibilityVectors: method(
      { ComputerSystem: required(reference) },
      { CompatibilityVectors: arrayOf(embedded(CompatibilityVector)) },
    ),
    ModifyServiceSettings: method(
      { ServiceSettingData: required(embedded(VirtualSystemMigrationServiceSettingData)) },
      { Job: reference },
    ),
    AddNetworkSettings: method(
      { NetworkSettings: arrayOf(embedded(VirtualSystemMigrationNetworkSettingData)) },
      { Job: reference },
    ),
    ModifyNetworkSettings: method(
      { NetworkSettings: arrayOf(embedded(VirtualSystemMigrationNetworkSettingData)) },
      { Job: reference },
    ),
    RemoveNetworkSettings: method({ NetworkSettings: arrayOf(reference) }, { Job: reference }),
  },
});
export type VirtualSystemMigrationService = Instance<typeof VirtualSystemMigrationService>;
