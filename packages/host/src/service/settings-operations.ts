import type { HostCaller, HyperVHost, MethodOutcome, MigrationNetwork } from "@waybill/hyperv";
import { HostError, Hresult } from "../errors.ts";
import type { CallerAccess } from "./caller-access.ts";
import { done, type HostServiceParts } from "./host-service.ts";

type SettingsOperations = Pick<
  HyperVHost,
  | "migrationServiceState"
  | "migrationSettings"
  | "modifyMigrationSettings"
  | "migrationNetworks"
  | "addMigrationNetworks"
  | "modifyMigrationNetworks"
  | "removeMigrationNetworks"
>;

/** The settings of live migration, under Hyper-V's names. */
export function settingsOperations(parts: HostServiceParts, access: CallerAccess): SettingsOperations {
  function setNetworks(caller: HostCaller, networks: readonly MigrationNetwork[]): MethodOutcome {
    access.demand(caller, "configure");
    const ordered = networks.toSorted((left, right) => left.metric - right.metric);
    parts.settings.change({
      networks: ordered.map(({ subnet, prefixLength }) => `${subnet}/${prefixLength}`),
    });
    access.audit(caller, "configure", undefined, "migration networks");
    return done;
  }

  return {
    async migrationServiceState(caller) {
      access.session(caller);
      const active = parts.jobs.all().filter((job) => job.state === "running" && job.kind === "move");
      return {
        activeMigrations: active.length,
        activeStorageMigrations: active.filter((job) => job.withDisks).length,
        listenerAddresses: parts.listenerAddresses,
      };
    },

    async migrationSettings(caller) {
      access.session(caller);
      const { migrationEnabled, maximumMigrations, maximumStorageMigrations, performance } =
        parts.settings.current;
      return {
        enabled: migrationEnabled,
        maximumMigrations,
        maximumStorageMigrations,
        authentication: "kerberos",
        compression: performance === "compression",
        smbTransport: false,
        performance,
      };
    },

    async modifyMigrationSettings(caller, patch) {
      access.demand(caller, "configure");
      if (patch.authentication === "credSsp" || patch.smbTransport === true) {
        throw new HostError(
          "this host authenticates migrations with Kerberos only, and does not move memory over SMB",
          {
            code: "SETTING_NOT_SUPPORTED",
            family: "caller",
            hresult: Hresult.invalidArgument,
            remedy: "Leave authentication at Kerberos and SMB off.",
          },
        );
      }
      const performance =
        patch.performance ??
        (patch.compression === undefined ? undefined : patch.compression ? "compression" : "tcpip");
      parts.settings.change({
        ...(patch.enabled === undefined ? {} : { migrationEnabled: patch.enabled }),
        ...(patch.maximumMigrations === undefined ? {} : { maximumMigrations: patch.maximumMigrations }),
        ...(patch.maximumStorageMigrations === undefined
          ? {}
          : { maximumStorageMigrations: patch.maximumStorageMigrations }),
        ...(performance === undefined ? {} : { performance }),
      });
      access.audit(caller, "configure", undefined, Object.keys(patch).join(", "));
      return done;
    },

    async migrationNetworks(caller) {
      access.session(caller);
      return parts.settings.current.networks.map((network, metric) => {
        const [subnet = "", prefix = "0"] = network.split("/");
        return { id: network, subnet, prefixLength: Number(prefix), metric, tags: [] };
      });
    },

    async addMigrationNetworks(caller, networks) {
      return setNetworks(caller, [...(await this.migrationNetworks(caller)), ...networks]);
    },

    async modifyMigrationNetworks(caller, networks) {
      const changed = new Map(networks.map((network) => [network.id, network]));
      const current = await this.migrationNetworks(caller);
      return setNetworks(
        caller,
        current.map((network) => changed.get(network.id) ?? network),
      );
    },

    async removeMigrationNetworks(caller, ids) {
      const current = await this.migrationNetworks(caller);
      return setNetworks(
        caller,
        current.filter(({ id }) => id === undefined || !ids.includes(id)),
      );
    },
  };
}
