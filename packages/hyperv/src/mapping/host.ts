import { MigrationJob } from "../classes/jobs.ts";
import type {
  VirtualSystemMigrationNetworkSettingData,
  VirtualSystemMigrationServiceSettingData,
} from "../classes/migration-settings.ts";
import type {
  WaybillAuditRecord,
  WaybillHostStatus,
  WaybillMigrationProgress,
  WaybillPreflightFinding,
} from "../classes/waybill-classes.ts";
import type { AuditRecord, HostStatus, MigrationNetwork, MigrationSettings } from "../model/host.ts";
import type { MigrationProgress, PreflightFinding } from "../model/job.ts";
import { AuthenticationType } from "../registry/migration-types.ts";
import { fromJob, toMigrationJob } from "./job.ts";

export function toServiceSettings(
  hostName: string,
  settings: Partial<MigrationSettings>,
): VirtualSystemMigrationServiceSettingData {
  const { authentication } = settings;
  return {
    InstanceID: `Microsoft:${hostName}`,
    Caption: "Migration Service Settings",
    ElementName: "Hyper-V Migration Service",
    EnableVirtualSystemMigration: settings.enabled,
    MaximumActiveVirtualSystemMigration: settings.maximumMigrations,
    MaximumActiveStorageMigration: settings.maximumStorageMigrations,
    AuthenticationType: authentication === undefined ? undefined : AuthenticationType[authentication],
    EnableCompression: settings.compression,
    EnableSmbTransport: settings.smbTransport,
  };
}

/** What is absent stays absent, so that the same serves as a patch. */
export function fromServiceSettings(settings: Partial<VirtualSystemMigrationServiceSettingData>): {
  -readonly [K in keyof MigrationSettings]?: MigrationSettings[K];
} {
  const patch: { -readonly [K in keyof MigrationSettings]?: MigrationSettings[K] } = {};
  const {
    EnableVirtualSystemMigration,
    MaximumActiveVirtualSystemMigration,
    AuthenticationType: kind,
  } = settings;
  if (EnableVirtualSystemMigration !== undefined) patch.enabled = EnableVirtualSystemMigration;
  if (MaximumActiveVirtualSystemMigration !== undefined) {
    patch.maximumMigrations = MaximumActiveVirtualSystemMigration;
  }
  if (settings.MaximumActiveStorageMigration !== undefined) {
    patch.maximumStorageMigrations = settings.MaximumActiveStorageMigration;
  }
  if (kind !== undefined)
    patch.authentication = kind === AuthenticationType.kerberos ? "kerberos" : "credSsp";
  if (settings.EnableCompression !== undefined) patch.compression = settings.EnableCompression;
  if (settings.EnableSmbTransport !== undefined) patch.smbTransport = settings.EnableSmbTransport;
  return patch;
}

export function toNetworkSetting(network: MigrationNetwork): VirtualSystemMigrationNetworkSettingData {
  return {
    InstanceID: network.id ?? "",
    ElementName: "Hyper-V Migration Network",
    SubnetNumber: network.subnet,
    PrefixLength: network.prefixLength,
    Metric: network.metric,
    Tags: network.tags,
  };
}

export function fromNetworkSetting(
  setting: Partial<VirtualSystemMigrationNetworkSettingData>,
): MigrationNetwork {
  return {
    ...(setting.InstanceID === undefined || setting.InstanceID === "" ? {} : { id: setting.InstanceID }),
    subnet: setting.SubnetNumber ?? "",
    prefixLength: setting.PrefixLength ?? 0,
    metric: setting.Metric ?? 0,
    tags: setting.Tags ?? [],
  };
}

export function toHostStatus(status: HostStatus): WaybillHostStatus {
  return {
    Host: status.host,
    Realm: status.realm,
    Version: status.version,
    EvidenceMode: status.evidenceMode,
    RequireProofOfIdentity: status.requireProofOfIdentity,
    Caller: status.caller,
    CallerAssertedBy: status.callerAssertedBy,
    CallerRights: status.callerRights,
    Accelerator: status.accelerator,
    Hypervisor: status.hypervisor,
    CpuModel: status.cpuModel,
    MemoryTotal: status.memoryTotal,
    MemoryFree: status.memoryFree,
    RunningMachines: status.runningMachines,
    QueuedMigrations: status.queuedMigrations,
    Time: status.time,
  };
}

export function fromHostStatus(status: WaybillHostStatus): HostStatus {
  return {
    host: status.Host,
    realm: status.Realm,
    version: status.Version,
    evidenceMode: status.EvidenceMode,
    requireProofOfIdentity: status.RequireProofOfIdentity,
    caller: status.Caller,
    callerAssertedBy: status.CallerAssertedBy,
    callerRights: status.CallerRights ?? [],
    accelerator: status.Accelerator,
    hypervisor: status.Hypervisor,
    cpuModel: status.CpuModel,
    memoryTotal: status.MemoryTotal,
    memoryFree: status.MemoryFree,
    runningMachines: status.RunningMachines,
    queuedMigrations: status.QueuedMigrations,
    time: status.Time,
  };
}

export function toProgress(progress: MigrationProgress): WaybillMigrationProgress {
  return {
    JobID: progress.jobId,
    Revision: progress.revision,
    Job: progress.job === undefined ? undefined : toMigrationJob(progress.job),
    VirtualSystemName: progress.vmId,
    Phase: progress.phase,
    Pass: progress.pass,
    MemoryTotal: progress.memoryTotal,
    MemoryTransferred: progress.memoryTransferred,
    MemoryRemaining: progress.memoryRemaining,
    DiskTotal: progress.diskTotal,
    DiskTransferred: progress.diskTransferred,
    BytesPerSecond: Math.round(progress.bytesPerSecond),
    DirtyBytesPerSecond: rounded(progress.dirtyBytesPerSecond),
    ThrottlePercent: rounded(progress.throttlePercent),
    ExpectedDowntime: rounded(progress.expectedDowntime),
    Downtime: rounded(progress.downtime),
    Evidence: progress.evidence,
    Explanation: progress.explanation,
  };
}

function rounded(value: number | undefined): number | undefined {
  return value === undefined ? undefined : Math.round(value);
}

export function fromProgress(progress: WaybillMigrationProgress): MigrationProgress {
  return {
    jobId: progress.JobID,
    revision: progress.Revision,
    job:
      progress.Job === undefined
        ? undefined
        : fromJob(MigrationJob.className, { ...progress.Job, InstanceID: progress.JobID }),
    vmId: progress.VirtualSystemName,
    phase: progress.Phase,
    pass: progress.Pass,
    memoryTotal: progress.MemoryTotal,
    memoryTransferred: progress.MemoryTransferred,
    memoryRemaining: progress.MemoryRemaining,
    diskTotal: progress.DiskTotal,
    diskTransferred: progress.DiskTransferred,
    bytesPerSecond: progress.BytesPerSecond,
    dirtyBytesPerSecond: progress.DirtyBytesPerSecond,
    throttlePercent: progress.ThrottlePercent,
    expectedDowntime: progress.ExpectedDowntime,
    downtime: progress.Downtime,
    evidence: progress.Evidence,
    explanation: progress.Explanation ?? [],
  };
}

export function toFinding(finding: PreflightFinding, index: number): WaybillPreflightFinding {
  return {
    JobID: finding.jobId,
    Index: index,
    Check: finding.check,
    Severity: finding.severity,
    Code: finding.code,
    Message: finding.message,
    Remedy: finding.remedy,
  };
}

export function fromFinding(finding: WaybillPreflightFinding): PreflightFinding {
  const { Severity } = finding;
  return {
    jobId: finding.JobID,
    check: finding.Check,
    severity: Severity === "ok" || Severity === "warning" ? Severity : "error",
    code: finding.Code,
    message: finding.Message,
    remedy: finding.Remedy,
  };
}

export function toAuditRecord(record: AuditRecord): WaybillAuditRecord {
  return {
    RecordID: record.id,
    Time: record.time,
    Host: record.host,
    Action: record.action,
    Outcome: record.outcome,
    Person: record.person,
    AssertedBy: record.assertedBy,
    DelegatingHost: record.delegatingHost,
    Evidence: record.evidence,
    VirtualSystem: record.vm,
    Migration: record.migration,
    Peer: record.peer,
    EventID: record.eventId,
    Code: record.code,
    Detail: record.detail,
  };
}

export function fromAuditRecord(record: WaybillAuditRecord): AuditRecord {
  return {
    id: record.RecordID,
    time: record.Time,
    host: record.Host,
    action: record.Action,
    outcome: record.Outcome,
    person: record.Person,
    assertedBy: record.AssertedBy,
    delegatingHost: record.DelegatingHost,
    evidence: record.Evidence,
    vm: record.VirtualSystem,
    migration: record.Migration,
    peer: record.Peer,
    eventId: record.EventID,
    code: record.Code,
    detail: record.Detail,
  };
}
