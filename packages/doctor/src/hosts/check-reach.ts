import type { Finding } from "../findings/finding.ts";
import { shortNameOf } from "../model/service-names.ts";
import { psQuote } from "../repair/commands.ts";
import { advice } from "../repair/remedy.ts";
import { fact, hostFinding } from "./host-finding.ts";
import type { HostReading } from "./host-reading.ts";

/** Whether a host answers for its management, and lets migrations in. */
export function reachable(reading: HostReading): Finding[] {
  const { name, management, migration, listenerClosed, migrationClosed, failure, settings } = reading;
  const found: Finding[] = [];
  const short = shortNameOf(reading.account);
  if (failure !== undefined) {
    const where = `${management.address}:${management.port}`;
    found.push(
      hostFinding(reading, "host-unreachable", {
        cause:
          listenerClosed === undefined
            ? `${name} listens on ${where}, but could not be asked: ${failure.message.replace(/\.$/, "")}.`
            : `Nobody answers for ${name} on ${where}: ${listenerClosed}.`,
        evidence: [fact(reading, "WinRM", `${failure.code}: ${failure.message}`)],
        effect: `The settings of ${name} are not known; nobody can start a migration on it from elsewhere either, if it is the same for them.`,
        remedies:
          listenerClosed === undefined
            ? [
                advice(
                  failure.remedy ??
                    "Look whether your ticket is for this host (WSMAN), whether you may use it, and whether clocks agree.",
                ),
              ]
            : [
                advice(
                  "Start the management service, and let port 5985 (or 5986) through; on a Waybill host: systemctl status waybill-service waybill-listener.",
                  {
                    powershell: [
                      `Invoke-Command -ComputerName ${psQuote(short)} { 1 }`,
                      "Enable-PSRemoting -Force",
                    ],
                  },
                ),
              ],
      }),
    );
  }
  // A host that takes no part has no reason to listen.
  if (migrationClosed !== undefined && settings?.enabled !== false && listenerClosed === undefined) {
    found.push(
      hostFinding(reading, "host-port-closed", {
        cause: `Port ${migration.port} of ${name} cannot be reached from here: ${migrationClosed}.`,
        evidence: [fact(reading, `TCP ${migration.address}:${migration.port}`, migrationClosed)],
        effect: `Migrations to ${name} do not get there, if the other hosts have the same way to it as this machine.`,
        remedies: [
          advice(`Let TCP ${migration.port} through between hosts, and look whether the service runs.`, {
            powershell: [
              "Enable-NetFirewallRule -Name 'VIRT-MIGL-In-TCP-NoScope'",
              `Test-NetConnection ${psQuote(name)} -Port ${migration.port}`,
            ],
          }),
        ],
      }),
    );
  }
  return found;
}
