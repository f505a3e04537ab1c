import { arrayOf, boolean, datetime, required, string, uint16 } from "../schema/property.ts";
import { type Instance, wmiClass } from "../schema/wmi-class.ts";

/** `VirtualSystemType` of the settings a VM runs with; snapshots have others. */
export const realizedSystemType = "Microsoft:Hyper-V:System:Realized";
export const plannedSystemType = "Microsoft:Hyper-V:System:Planned";

/** The settings of a VM as a whole (HyperV_v2/msvm-virtualsystemsettingdata). */
export const VirtualSystemSettingData = wmiClass("Msvm_VirtualSystemSettingData", {
  keys: ["InstanceID"],
  superclasses: ["CIM_VirtualSystemSettingData", "CIM_SettingData"],
  properties: {
    /** `Microsoft:<GUID>` */
    InstanceID: required(string),
    Caption: string,
    Description: string,
    ElementName: string,
    VirtualSystemIdentifier: string,
    VirtualSystemType: string,
    VirtualSystemSubType: string,
    Notes: arrayOf(string),
    CreationTime: datetime,
    ConfigurationID: string,
    ConfigurationDataRoot: string,
    AutomaticStartupAction: uint16,
    AutomaticShutdownAction: uint16,
    AutomaticRecoveryAction: uint16,
    BIOSGUID: string,
    Version: string,
    Architecture: string,
    SecureBootEnabled: boolean,
  },
});
export type VirtualSystemSettingData = Instance<typeof VirtualSystemSettingData>;
