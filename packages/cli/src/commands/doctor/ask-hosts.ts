import type { Account, DirectoryView } from "@waybill/directory";
import { type HostReading, printable, surveyHosts } from "@waybill/doctor";
import { formatTable } from "../../output/table.ts";
import { connectHostAs } from "../../session/connect-host.ts";
import type { Session } from "../../session/open-directory.ts";

/** Asks hosts for their own settings, as whoever is signed in. */
export async function askHosts(
  { workstation, tgt }: Session,
  view: DirectoryView,
  hosts: readonly Account[],
): Promise<HostReading[]> {
  return await surveyHosts({
    view,
    hosts,
    address: (name) => workstation.address(name),
    connect: (name) => connectHostAs(tgt, name, workstation),
  });
}

/** A line for each host. */
export function hostsText(readings: readonly HostReading[]): string {
  return formatTable(
    ["host", "kind", "authentication", "migration", "at once", "evidence", "networks", "6600"],
    readings.map(({ name, kind, settings, status, networks, migrationClosed }) =>
      [
        name,
        kind ?? "",
        settings?.authentication ?? "",
        settings === undefined ? "" : settings.enabled ? "on" : "off",
        settings === undefined ? "" : String(settings.maximumMigrations),
        status?.evidenceMode ?? "",
        networks === undefined
          ? ""
          : networks.map(({ subnet, prefixLength }) => `${subnet}/${prefixLength}`).join(", ") || "any",
        migrationClosed === undefined ? "open" : "closed",
      ].map(printable),
    ),
  );
}

/** What `--json` says of a host. */
export function hostJson(reading: HostReading): Record<string, unknown> {
  const { account, name, kind, settings, networks, status, failure, listenerClosed, migrationClosed } =
    reading;
  return {
    host: account.samAccountName,
    name,
    kind,
    settings,
    networks,
    evidence: status?.evidenceMode,
    listener: listenerClosed === undefined ? "open" : listenerClosed,
    migrationPort: migrationClosed === undefined ? "open" : migrationClosed,
    failure,
  };
}
