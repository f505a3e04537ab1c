import { embedded } from "../schema/property.ts";
import { type AnyWmiClass, embeddedChoice } from "../schema/wmi-class.ts";
import {
  EthernetPortAllocationSettingData,
  MemorySettingData,
  ProcessorSettingData,
  StorageAllocationSettingData,
  SyntheticEthernetPortSettingData,
} from "./resource-settings.ts";
import { WaybillMigrationOptions, WaybillVirtualMachineDocument } from "./waybill-classes.ts";

/** The classes of a VM's resources. */
export const resourceClasses: readonly AnyWmiClass[] = [
  MemorySettingData,
  ProcessorSettingData,
  StorageAllocationSettingData,
  SyntheticEthernetPortSettingData,
  EthernetPortAllocationSettingData,
];

/** An element of ResourceSettings[] or NewResourceSettingData[]: a setting of any resource, or Waybill's additions. */
export const resourceSetting = embedded(
  embeddedChoice(...resourceClasses, WaybillVirtualMachineDocument, WaybillMigrationOptions),
);
