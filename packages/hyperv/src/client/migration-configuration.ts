import type { CallOptions } from "@waybill/wsman";
import {
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
import type { MigrationNetwork, MigrationSettings } from "../model/host.ts";
import type { HostAccess } from "./host-access.ts";

/** The settings of a host's migration service, and its networks. */
export class MigrationConfiguration {
  readonly #access: HostAccess;

  constructor(access: HostAccess) {
    this.#access = access;
  }

  async migrationSettings(options: CallOptions = {}): Promise<MigrationSettings> {
    const settings = await this.#serviceSettings(options);
    const extra = (await this.#access.isWaybill(options))
      ? await this.#access.session.select(WaybillHostSettings, undefined, options)
      : [];
    const performance = extra[0]?.PerformanceOption;
    return {
      enabled: false,
      maximumMigrations: 2,
      maximumStorageMigrations: 2,
      authentication: "credSsp",
      compression: true,
      smbTransport: false,
      ...fromServiceSettings(settings),
      ...(performance === "tcpip" || performance === "compression" || performance === "multifd"
        ? { performance }
        : {}),
    };
  }

  /** Changes what the patch names and leaves the rest. */
  async modifyMigrationSettings(patch: Partial<MigrationSettings>, options: CallOptions = {}): Promise<void> {
    const { performance, ...rest } = patch;
    if (performance !== undefined) await this.#access.needWaybill("the performance option", options);
    if (Object.keys(rest).length > 0) {
      const current = await this.#serviceSettings(options);
      const changed = defined(toServiceSettings(this.#access.host, rest));
      const input = { ServiceSettingData: { ...current, ...changed, InstanceID: current.InstanceID } };
      await this.#migrationService("ModifyServiceSettings", input, "the change of the settings", options);
    }
    if (performance === undefined) return;
    const [settings] = await this.#access.session.select(WaybillHostSettings, undefined, options);
    if (settings === undefined)
      throw this.#access.missing("WAYBILL_SETTINGS_MISSING", "the host has no Waybill settings");
    await this.#access.session.put(
      WaybillHostSettings,
      { ...settings, PerformanceOption: performance },
      options,
    );
  }

  async migrationNetworks(options: CallOptions = {}): Promise<readonly MigrationNetwork[]> {
    const found = await this.#access.session.select(
      VirtualSystemMigrationNetworkSettingData,
      undefined,
      options,
    );
    return found.map(fromNetworkSetting).sort((left, right) => left.metric - right.metric);
  }

  async addMigrationNetworks(
    networks: readonly MigrationNetwork[],
    options: CallOptions = {},
  ): Promise<void> {
    const input = { NetworkSettings: networks.map(toNetworkSetting) };
    await this.#migrationService("AddNetworkSettings", input, "the addition of networks", options);
  }

  async modifyMigrationNetworks(
    networks: readonly MigrationNetwork[],
    options: CallOptions = {},
  ): Promise<void> {
    const input = { NetworkSettings: networks.map(toNetworkSetting) };
    await this.#migrationService("ModifyNetworkSettings", input, "the change of networks", options);
  }

  async removeMigrationNetworks(ids: readonly string[], options: CallOptions = {}): Promise<void> {
    const references = ids.map((id) =>
      VirtualSystemMigrationNetworkSettingData.referenceBy({ InstanceID: id }),
    );
    await this.#migrationService(
      "RemoveNetworkSettings",
      { NetworkSettings: references },
      "the removal of networks",
      options,
    );
  }

  async #serviceSettings(options: CallOptions) {
    const [settings] = await this.#access.session.select(
      VirtualSystemMigrationServiceSettingData,
      undefined,
      options,
    );
    if (settings === undefined)
      throw this.#access.missing("MIGRATION_SETTINGS_MISSING", "the host has no migration settings");
    return settings;
  }

  async #migrationService(
    method:
      | "ModifyServiceSettings"
      | "AddNetworkSettings"
      | "ModifyNetworkSettings"
      | "RemoveNetworkSettings",
    input: object,
    what: string,
    options: CallOptions,
  ): Promise<void> {
    const service = await this.#access.service(VirtualSystemMigrationService, options);
    const output = await this.#access.session.invoke(
      VirtualSystemMigrationService,
      service,
      method,
      input as never,
      options,
    );
    await this.#access.outcome(output, what)?.wait({ signal: options.signal });
  }
}

function defined<T extends object>(record: T): Partial<T> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as Partial<T>;
}
