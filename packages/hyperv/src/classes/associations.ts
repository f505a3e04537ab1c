import { reference, required } from "../schema/property.ts";
import { type Instance, wmiClass } from "../schema/wmi-class.ts";

/** A VM and its current settings (HyperV_v2/msvm-settingsdefinestate). */
export const SettingsDefineState = wmiClass("Msvm_SettingsDefineState", {
  keys: ["ManagedElement", "SettingData"],
  superclasses: ["CIM_SettingsDefineState"],
  properties: { ManagedElement: required(reference), SettingData: required(reference) },
});
export type SettingsDefineState = Instance<typeof SettingsDefineState>;

/** A VM's settings and those of its resources (HyperV_v2/msvm-virtualsystemsettingdatacomponent). */
export const VirtualSystemSettingDataComponent = wmiClass("Msvm_VirtualSystemSettingDataComponent", {
  keys: ["GroupComponent", "PartComponent"],
  superclasses: ["CIM_VirtualSystemSettingDataComponent", "CIM_Component"],
  properties: { GroupComponent: required(reference), PartComponent: required(reference) },
});
export type VirtualSystemSettingDataComponent = Instance<typeof VirtualSystemSettingDataComponent>;

/** The migration settings and their networks (HyperV_v2/msvm-virtualsystemmigrationservicesettingdatacomponent). */
export const VirtualSystemMigrationServiceSettingDataComponent = wmiClass(
  "Msvm_VirtualSystemMigrationServiceSettingDataComponent",
  {
    keys: ["GroupComponent", "PartComponent"],
    superclasses: ["CIM_Component"],
    properties: { GroupComponent: required(reference), PartComponent: required(reference) },
  },
);
export type VirtualSystemMigrationServiceSettingDataComponent = Instance<
  typeof VirtualSystemMigrationServiceSettingDataComponent
>;

/** The migration service and its settings (HyperV_v2/msvm-elementsettingdata). */
export const ElementSettingData = wmiClass("Msvm_ElementSettingData", {
  keys: ["ManagedElement", "SettingData"],
  superclasses: ["CIM_ElementSettingData"],
  properties: { ManagedElement: required(reference), SettingData: required(reference) },
});
export type ElementSettingData = Instance<typeof ElementSettingData>;
