import type { VirtualSystemMigrationSettingData } from "../classes/migration-settings.ts";
import {
  EthernetPortAllocationSettingData,
  StorageAllocationSettingData,
} from "../classes/resource-settings.ts";
import { WaybillMigrationOptions } from "../classes/waybill-classes.ts";
import { HyperVError } from "../errors.ts";
import type { MigrationOptions, MigrationRequest } from "../model/migration-request.ts";
import { MigrationTypeNumber, migrationTypeOf, TransportType } from "../registry/migration-types.ts";
import { chosen, type EmbeddedChoice } from "../schema/wmi-class.ts";
import type { WmiReference } from "../schema/wmi-reference.ts";
import { resourceIdOf, settingsId, toDiskSetting } from "./virtual-machine.ts";

/** The parameters that all migration methods share, but for the destination. */
export interface MigrationParameters {
  readonly ComputerSystem: WmiReference;
  readonly MigrationSettingData?: VirtualSystemMigrationSettingData | undefined;
  readonly NewResourceSettingData?: readonly EmbeddedChoice[] | undefined;
}

export function toMigrationSettings(request: MigrationRequest): VirtualSystemMigrationSettingData {
  return {
    MigrationType: MigrationTypeNumber[request.type],
    TransportType: TransportType[request.transport ?? "tcp"],
    DestinationIPAddressList: request.destinationAddresses,
    DestinationPlannedVirtualSystemId: request.plannedVmId,
    EnableCompression: request.compression,
    RetainVhdCopiesOnSource: request.retainSourceDisks,
    AllowOverwriteExistingFile: request.overwriteExistingFiles,
    CancelIfBlackoutThresholdExceeded: request.cancelIfBlackoutExceeded,
  };
}

export function toNewResources(request: MigrationRequest): readonly EmbeddedChoice[] {
  const disks = Object.entries(request.diskPaths ?? {}).map(([id, path]) =>
    toDiskSetting(request.vmId, { id, path }),
  );
  const networks = Object.entries(request.networkNames ?? {}).map(
    ([id, name]): EmbeddedChoice => ({
      class: EthernetPortAllocationSettingData.className,
      value: { InstanceID: `${settingsId(request.vmId, id)}\\C`, LastKnownSwitchName: name },
    }),
  );
  const options = request.options === undefined ? [] : [toOptions(request.options)];
  return [...disks, ...networks, ...options];
}

function toOptions(options: MigrationOptions): EmbeddedChoice {
  const value: WaybillMigrationOptions = {
    PerformanceOption: options.performance,
    DowntimeLimit: options.downtimeLimit,
    BandwidthLimit: options.bandwidthLimit,
    AutoConverge: options.autoConverge,
    PostCopy: options.postCopy,
    Explain: options.explain,
  };
  return { class: WaybillMigrationOptions.className, value };
}

/** @throws HyperVError `MIGRATION_REQUEST_INVALID` when the type is none, or the VM is not named. */
export function fromMigrationParameters(
  parameters: MigrationParameters,
  destinationHost: string,
): MigrationRequest {
  const settings = parameters.MigrationSettingData ?? {};
  const type = migrationTypeOf(settings.MigrationType ?? MigrationTypeNumber.vm);
  const vmId = parameters.ComputerSystem.keys.Name;
  if (type === undefined) throw invalidRequest(`migration type ${settings.MigrationType} is not known`);
  if (vmId === undefined || vmId === "") throw invalidRequest("ComputerSystem names no virtual machine");
  if (!/^[A-Za-z0-9_.:-]{1,255}$/.test(destinationHost))
    throw invalidRequest("DestinationHost is no host name");
  const resources = parameters.NewResourceSettingData ?? [];
  return {
    vmId,
    destinationHost,
    type,
    transport: settings.TransportType === TransportType.smb ? "smb" : "tcp",
    destinationAddresses: settings.DestinationIPAddressList,
    plannedVmId: settings.DestinationPlannedVirtualSystemId,
    compression: settings.EnableCompression,
    retainSourceDisks: settings.RetainVhdCopiesOnSource,
    overwriteExistingFiles: settings.AllowOverwriteExistingFile,
    cancelIfBlackoutExceeded: settings.CancelIfBlackoutThresholdExceeded,
    diskPaths: newDiskPaths(resources),
    networkNames: newNetworkNames(resources),
    options: fromOptions(resources),
  };
}

function newDiskPaths(resources: readonly EmbeddedChoice[]): Record<string, string> | undefined {
  return collect(resources, (resource) => {
    const disk = chosen(StorageAllocationSettingData, resource);
    return [resourceIdOf(disk?.InstanceID ?? ""), disk?.HostResource?.[0]];
  });
}

function newNetworkNames(resources: readonly EmbeddedChoice[]): Record<string, string> | undefined {
  return collect(resources, (resource) => {
    const connection = chosen(EthernetPortAllocationSettingData, resource);
    return [resourceIdOf(connection?.InstanceID ?? "")?.replace(/\\C$/, ""), connection?.LastKnownSwitchName];
  });
}

function collect(
  resources: readonly EmbeddedChoice[],
  pick: (resource: EmbeddedChoice) => readonly [string | undefined, string | undefined],
): Record<string, string> | undefined {
  const entries = resources
    .map(pick)
    .filter((pair): pair is readonly [string, string] => !pair.includes(undefined));
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

function fromOptions(resources: readonly EmbeddedChoice[]): MigrationOptions | undefined {
  for (const resource of resources) {
    const options = chosen(WaybillMigrationOptions, resource);
    if (options === undefined) continue;
    return {
      performance: toPerformance(options.PerformanceOption),
      downtimeLimit: options.DowntimeLimit,
      bandwidthLimit: options.BandwidthLimit,
      autoConverge: options.AutoConverge,
      postCopy: options.PostCopy,
      explain: options.Explain,
    };
  }
  return undefined;
}

/** @throws HyperVError `MIGRATION_REQUEST_INVALID`. */
export function toPerformance(text: string | undefined): MigrationOptions["performance"] {
  if (text === undefined || text === "tcpip" || text === "compression" || text === "multifd") return text;
  throw invalidRequest(`the performance option ${text.slice(0, 40)} is not known`);
}

function invalidRequest(why: string): HyperVError {
  return new HyperVError(why, { code: "MIGRATION_REQUEST_INVALID", family: "caller", hresult: 0x80070057 });
}
