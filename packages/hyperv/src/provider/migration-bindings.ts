import {
  ElementSettingData,
  VirtualSystemMigrationServiceSettingDataComponent,
} from "../classes/associations.ts";
import {
  VirtualSystemMigrationCapabilities,
  VirtualSystemMigrationNetworkSettingData,
  VirtualSystemMigrationServiceSettingData,
} from "../classes/migration-settings.ts";
import { VirtualSystemMigrationService } from "../classes/services.ts";
import { WaybillHostSettings } from "../classes/waybill-classes.ts";
import {
  fromNetworkSetting,
  fromServiceSettings,
  toNetworkSetting,
  toServiceSettings,
} from "../mapping/host.ts";
import { toMsvmError } from "../mapping/job-error.ts";
import { fromMigrationParameters, toPerformance } from "../mapping/migration-request.ts";
import { HostFormat } from "../registry/migration-types.ts";
import { ReturnValue } from "../registry/return-codes.ts";
import { HealthState } from "../registry/vm-states.ts";
import type { MethodInput, MethodName } from "../schema/wmi-class.ts";
import type { WmiReference } from "../schema/wmi-reference.ts";
import { bindClass, type ClassBinding, type MethodCall } from "./class-binding.ts";
import { outcomeOf } from "./job-bindings.ts";
import { serviceKeys, vmIdIn } from "./vm-bindings.ts";

type Call<N extends MethodName<typeof VirtualSystemMigrationService>> = MethodCall<
  MethodInput<typeof VirtualSystemMigrationService, N>
>;

function serviceReference(hostName: string): WmiReference {
  const { className } = VirtualSystemMigrationService;
  return VirtualSystemMigrationService.referenceBy(serviceKeys(hostName, className, "migrationwmi"));
}

function settingsReference(hostName: string): WmiReference {
  return VirtualSystemMigrationServiceSettingData.referenceTo(toServiceSettings(hostName, {}));
}

/** A reference to a computer system as the id of a VM; undefined for the hosting computer. */
function vmOrHost(
  call: { readonly host: { readonly hostName: string } },
  reference: WmiReference,
): string | undefined {
  const name = vmIdIn(reference.keys);
  return name.toLowerCase() === call.host.hostName.toLowerCase() ? undefined : name;
}

const methods = {
  MigrateVirtualSystemToHost: async ({ host, caller, input }: Call<"MigrateVirtualSystemToHost">) =>
    outcomeOf(await host.migrate(caller, fromMigrationParameters(input, input.DestinationHost))),
  MigrateVirtualSystemToSystem: async ({ host, caller, input }: Call<"MigrateVirtualSystemToSystem">) =>
    outcomeOf(
      await host.migrate(caller, fromMigrationParameters(input, vmIdIn(input.DestinationSystem.keys))),
    ),
  CheckVirtualSystemIsMigratable: async ({ host, caller, input }: Call<"CheckVirtualSystemIsMigratable">) =>
    outcomeOf(await host.checkMigratable(caller, fromMigrationParameters(input, input.DestinationHost))),
  CheckVirtualSystemIsMigratableToHost: async ({
    host,
    caller,
    input,
  }: Call<"CheckVirtualSystemIsMigratableToHost">) => {
    const answer = await host.isMigratable(caller, fromMigrationParameters(input, input.DestinationHost));
    return { ReturnValue: answer.returnValue, IsMigratable: answer.migratable };
  },
  CheckVirtualSystemIsMigratableToSystem: async ({
    host,
    caller,
    input,
  }: Call<"CheckVirtualSystemIsMigratableToSystem">) => {
    const request = fromMigrationParameters(input, vmIdIn(input.DestinationSystem.keys));
    const answer = await host.isMigratable(caller, request);
    return { ReturnValue: answer.returnValue, IsMigratable: answer.migratable };
  },
  GetSystemCompatibilityInfo: async (call: Call<"GetSystemCompatibilityInfo">) => {
    const info = await call.host.compatibilityInfo(call.caller, vmOrHost(call, call.input.ComputerSystem));
    return { ReturnValue: ReturnValue.completed, CompatibilityInfo: [...Buffer.from(info, "base64")] };
  },
  CheckSystemCompatibilityInfo: async ({ host, caller, input }: Call<"CheckSystemCompatibilityInfo">) => {
    const info = Buffer.from(input.CompatibilityInfo ?? []).toString("base64");
    const reasons = await host.checkCompatibilityInfo(caller, info);
    return {
      ReturnValue: reasons.length === 0 ? ReturnValue.completed : ReturnValue.notCompatible,
      Reasons: reasons.map(toMsvmError),
    };
  },
  // Vectors compare x86 feature registers of Hyper-V hosts; QEMU compares CPU models, so there is nothing to give.
  GetSystemCompatibilityVectors: () => Promise.resolve({ ReturnValue: ReturnValue.notSupported }),
  ModifyServiceSettings: async ({ host, caller, input }: Call<"ModifyServiceSettings">) =>
    outcomeOf(await host.modifyMigrationSettings(caller, fromServiceSettings(input.ServiceSettingData))),
  AddNetworkSettings: async ({ host, caller, input }: Call<"AddNetworkSettings">) =>
    outcomeOf(await host.addMigrationNetworks(caller, (input.NetworkSettings ?? []).map(fromNetworkSetting))),
  ModifyNetworkSettings: async ({ host, caller, input }: Call<"ModifyNetworkSettings">) =>
    outcomeOf(
      await host.modifyMigrationNetworks(caller, (input.NetworkSettings ?? []).map(fromNetworkSetting)),
    ),
  RemoveNetworkSettings: async ({ host, caller, input }: Call<"RemoveNetworkSettings">) => {
    const ids = (input.NetworkSettings ?? []).map((reference) => reference.keys.InstanceID ?? "");
    return outcomeOf(await host.removeMigrationNetworks(caller, ids));
  },
};

/** The migration service, its settings, its networks and what ties them together. */
export const migrationBindings: readonly ClassBinding[] = [
  bindClass(VirtualSystemMigrationService, {
    instances: async ({ host, caller }) => {
      const state = await host.migrationServiceState(caller);
      return [
        {
          ...serviceKeys(host.hostName, VirtualSystemMigrationService.className, "migrationwmi"),
          Caption: "Hyper-V Migration Service",
          ElementName: "Hyper-V Migration Service",
          Status: "OK",
          HealthState: HealthState.ok,
          ActiveVirtualSystemMigrationCount: state.activeMigrations,
          ActiveStorageMigrationCount: state.activeStorageMigrations,
          MigrationServiceListenerIPAddressList: state.listenerAddresses,
        },
      ];
    },
    methods,
  }),
  bindClass(VirtualSystemMigrationServiceSettingData, {
    instances: async ({ host, caller }) => [
      toServiceSettings(host.hostName, await host.migrationSettings(caller)),
    ],
    put: async ({ host, caller }, instance) => {
      await host.modifyMigrationSettings(caller, fromServiceSettings(instance));
    },
  }),
  bindClass(WaybillHostSettings, {
    instances: async ({ host, caller }) => {
      const { performance } = await host.migrationSettings(caller);
      return [{ InstanceID: `Waybill:${host.hostName}`, PerformanceOption: performance }];
    },
    put: async ({ host, caller }, instance) => {
      const performance = toPerformance(instance.PerformanceOption);
      await host.modifyMigrationSettings(caller, performance === undefined ? {} : { performance });
    },
  }),
  bindClass(VirtualSystemMigrationNetworkSettingData, {
    instances: async ({ host, caller }) => (await host.migrationNetworks(caller)).map(toNetworkSetting),
  }),
  bindClass(VirtualSystemMigrationServiceSettingDataComponent, {
    instances: async ({ host, caller }) =>
      (await host.migrationNetworks(caller)).map((network) => ({
        GroupComponent: settingsReference(host.hostName),
        PartComponent: VirtualSystemMigrationNetworkSettingData.referenceTo(toNetworkSetting(network)),
      })),
  }),
  bindClass(ElementSettingData, {
    instances: ({ host }) =>
      Promise.resolve([
        { ManagedElement: serviceReference(host.hostName), SettingData: settingsReference(host.hostName) },
      ]),
  }),
  bindClass(VirtualSystemMigrationCapabilities, {
    instances: ({ host }) =>
      Promise.resolve([
        {
          InstanceID: `Microsoft:${host.hostName}\\MigrationCapabilities`,
          Caption: "Migration Capabilities",
          // 2 and 3 migrate, 4 and 5 check at once, 32768 checks with a job.
          SynchronousMethodsSupported: [4, 5],
          AsynchronousMethodsSupported: [2, 3, 32768],
          DestinationHostFormatsSupported: [HostFormat.domainName],
        },
      ]),
  }),
];
