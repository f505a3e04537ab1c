import {
  arrayOf,
  datetime,
  interval,
  reference,
  required,
  string,
  uint16,
  uint32,
  uint64,
} from "../schema/property.ts";
import { type Instance, method, wmiClass } from "../schema/wmi-class.ts";

const properties = {
  CreationClassName: required(string),
  /** A VM's GUID, or the name of the hosting computer. */
  Name: required(string),
  InstanceID: string,
  Caption: string,
  Description: string,
  /** A VM's name as people see it. */
  ElementName: string,
  InstallDate: datetime,
  OperationalStatus: arrayOf(uint16),
  StatusDescriptions: arrayOf(string),
  Status: string,
  HealthState: uint16,
  EnabledState: uint16,
  OtherEnabledState: string,
  RequestedState: uint16,
  EnabledDefault: uint16,
  TimeOfLastStateChange: datetime,
  AvailableRequestedStates: arrayOf(uint16),
  TimeOfLastConfigurationChange: datetime,
  OnTimeInMilliseconds: uint64,
  ProcessID: uint32,
  NumberOfNumaNodes: uint16,
} as const;

const requestStateChange = method(
  { RequestedState: required(uint16), TimeoutPeriod: interval },
  { Job: reference },
);

const superclasses = ["CIM_ComputerSystem", "CIM_System"];

/** A virtual machine, or the host itself (MicrosoftDocs/win32, HyperV_v2/msvm-computersystem). */
export const ComputerSystem = wmiClass("Msvm_ComputerSystem", {
  keys: ["CreationClassName", "Name"],
  superclasses,
  properties,
  methods: { RequestStateChange: requestStateChange },
});
export type ComputerSystem = Instance<typeof ComputerSystem>;

/** A VM that a migration has prepared at its destination and that cannot run yet. */
export const PlannedComputerSystem = wmiClass("Msvm_PlannedComputerSystem", {
  keys: ["CreationClassName", "Name"],
  superclasses,
  properties,
  methods: { RequestStateChange: requestStateChange },
});
export type PlannedComputerSystem = Instance<typeof PlannedComputerSystem>;
