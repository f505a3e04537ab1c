import {
  arrayOf,
  boolean,
  datetime,
  embedded,
  required,
  string,
  uint16,
  uint32,
  uint64,
} from "../schema/property.ts";
import { type Instance, wmiClass } from "../schema/wmi-class.ts";
import { waybillNamespace } from "../schema/wmi-reference.ts";
import { MigrationJob } from "./jobs.ts";

/*
 * Waybill's own classes, namespace root/waybill. What Hyper-V's classes have no word for travels here, so that a
 * client of Hyper-V never meets it and a client of Waybill never guesses: a host that has no root/waybill is Hyper-V.
 */
const namespace = waybillNamespace;

/** What a Waybill host says of itself and of its caller. One instance. */
export const WaybillHostStatus = wmiClass("Waybill_HostStatus", {
  namespace,
  keys: ["Host"],
  properties: {
    Host: required(string),
    Realm: string,
    Version: required(string),
    EvidenceMode: required(string),
    RequireProofOfIdentity: required(boolean),
    Caller: required(string),
    CallerAssertedBy: required(string),
    CallerRights: arrayOf(string),
    Accelerator: string,
    Hypervisor: string,
    CpuModel: string,
    MemoryTotal: uint64,
    MemoryFree: uint64,
    RunningMachines: uint32,
    QueuedMigrations: uint32,
    Time: required(datetime),
  },
});
export type WaybillHostStatus = Instance<typeof WaybillHostStatus>;

/** The settings Hyper-V has no property for; the performance option beyond compression. One instance. */
export const WaybillHostSettings = wmiClass("Waybill_HostSettings", {
  namespace,
  keys: ["InstanceID"],
  properties: { InstanceID: required(string), PerformanceOption: string },
});
export type WaybillHostSettings = Instance<typeof WaybillHostSettings>;

/** How a migration goes: one instance for each Msvm_MigrationJob that has begun to move something. */
export const WaybillMigrationProgress = wmiClass("Waybill_MigrationProgress", {
  namespace,
  keys: ["JobID"],
  properties: {
    JobID: required(string),
    /**
     * Another number after every change. `where JobID = '…' and Revision <> 7` is answered when the job is no longer
     * at 7, or with nothing after a second or so.
     */
    Revision: uint64,
    /** The Msvm_MigrationJob at that moment, so that whoever follows it need not ask twice. */
    Job: embedded(MigrationJob),
    VirtualSystemName: required(string),
    Phase: required(string),
    Pass: required(uint32),
    MemoryTotal: required(uint64),
    MemoryTransferred: required(uint64),
    MemoryRemaining: required(uint64),
    DiskTotal: uint64,
    DiskTransferred: uint64,
    BytesPerSecond: required(uint64),
    DirtyBytesPerSecond: uint64,
    ThrottlePercent: uint16,
    /** Milliseconds. */
    ExpectedDowntime: uint64,
    Downtime: uint64,
    Evidence: string,
    Explanation: arrayOf(string),
  },
});
export type WaybillMigrationProgress = Instance<typeof WaybillMigrationProgress>;

/** One check of a preflight job. */
export const WaybillPreflightFinding = wmiClass("Waybill_PreflightFinding", {
  namespace,
  keys: ["JobID", "Index"],
  properties: {
    JobID: required(string),
    Index: required(uint32),
    Check: required(string),
    /** `ok`, `warning` or `error`. */
    Severity: required(string),
    Code: string,
    Message: required(string),
    Remedy: string,
  },
});
export type WaybillPreflightFinding = Instance<typeof WaybillPreflightFinding>;

/** One line of the audit trail. WQL on Time, Person, VirtualSystem and Action is understood by the host itself. */
export const WaybillAuditRecord = wmiClass("Waybill_AuditRecord", {
  namespace,
  keys: ["RecordID"],
  properties: {
    RecordID: required(string),
    Time: required(datetime),
    Host: required(string),
    Action: required(string),
    Outcome: required(string),
    Person: required(string),
    AssertedBy: required(string),
    DelegatingHost: string,
    Evidence: string,
    VirtualSystem: string,
    Migration: string,
    Peer: string,
    EventID: uint32,
    Code: string,
    Detail: string,
  },
});
export type WaybillAuditRecord = Instance<typeof WaybillAuditRecord>;

/**
 * A VM's full definition as text. It describes a VM when read, and defines one when it is among the
 * ResourceSettings of DefineSystem.
 */
export const WaybillVirtualMachineDocument = wmiClass("Waybill_VirtualMachineDocument", {
  namespace,
  keys: ["VirtualSystemIdentifier"],
  properties: { VirtualSystemIdentifier: string, Format: required(string), Text: required(string) },
});
export type WaybillVirtualMachineDocument = Instance<typeof WaybillVirtualMachineDocument>;

/** Options of one migration; embedded among NewResourceSettingData, for Waybill hosts only. */
export const WaybillMigrationOptions = wmiClass("Waybill_MigrationOptions", {
  namespace,
  keys: [],
  properties: {
    PerformanceOption: string,
    /** Milliseconds. */
    DowntimeLimit: uint32,
    /** Bytes per second. */
    BandwidthLimit: uint64,
    AutoConverge: boolean,
    PostCopy: boolean,
    Explain: boolean,
  },
});
export type WaybillMigrationOptions = Instance<typeof WaybillMigrationOptions>;
