import {
  arrayOf,
  boolean,
  datetime,
  embedded,
  interval,
  required,
  string,
  uint16,
  uint32,
} from "../schema/property.ts";
import { type Instance, method, wmiClass } from "../schema/wmi-class.ts";
import { MsvmError } from "./msvm-error.ts";

const properties = {
  InstanceID: required(string),
  Caption: string,
  Description: string,
  ElementName: string,
  InstallDate: datetime,
  Name: string,
  OperationalStatus: arrayOf(uint16),
  StatusDescriptions: arrayOf(string),
  Status: string,
  HealthState: uint16,
  JobStatus: string,
  TimeSubmitted: datetime,
  ScheduledStartTime: datetime,
  StartTime: datetime,
  ElapsedTime: interval,
  Notify: string,
  Owner: string,
  Priority: uint32,
  PercentComplete: uint16,
  DeleteOnCompletion: boolean,
  ErrorCode: uint16,
  ErrorDescription: string,
  ErrorSummaryDescription: string,
  RecoveryAction: uint16,
  JobState: uint16,
  TimeOfLastStateChange: datetime,
  /** Milliseconds a finished job is kept: five minutes. */
  TimeBeforeRemoval: interval,
  Cancellable: boolean,
  JobType: uint16,
} as const;

const methods = {
  GetError: method({}, { Error: embedded(MsvmError) }),
  GetErrorEx: method({}, { Errors: arrayOf(embedded(MsvmError)) }),
  RequestStateChange: method({ RequestedState: required(uint16), TimeoutPeriod: interval }, {}),
} as const;

/** Any long operation (HyperV_v2/msvm-concretejob). */
export const ConcreteJob = wmiClass("Msvm_ConcreteJob", {
  keys: ["InstanceID"],
  superclasses: ["CIM_ConcreteJob", "CIM_Job"],
  properties,
  methods,
});
export type ConcreteJob = Instance<typeof ConcreteJob>;

/** A migration or the check of one (HyperV_v2/msvm-migrationjob). */
export const MigrationJob = wmiClass("Msvm_MigrationJob", {
  keys: ["InstanceID"],
  superclasses: ["CIM_ConcreteJob", "CIM_Job"],
  properties: {
    ...properties,
    MigrationType: uint16,
    /** The VM's GUID. */
    VirtualSystemName: string,
    DestinationHost: string,
    NewSystemSettingData: string,
    NewResourceSettingData: arrayOf(string),
  },
  methods,
});
export type MigrationJob = Instance<typeof MigrationJob>;
