import type { Finding } from "../findings/finding.ts";
import { shortNameOf } from "../model/service-names.ts";
import { psQuote } from "../repair/commands.ts";
import { advice, type Remedy } from "../repair/remedy.ts";
import { fact, hostFinding } from "./host-finding.ts";
import type { HostReading } from "./host-reading.ts";

/** What a host's own settings keep from working, or make more dangerous than it has to be. */
export function settingsFindings(reading: HostReading): Finding[] {
  const { name, kind, settings, networks, status } = reading;
  if (settings === undefined) return [];
  const found: Finding[] = [];
  const short = shortNameOf(reading.account);
  const change = (summary: string, windows: string, own: string): Remedy =>
    kind === "waybill"
      ? advice(`${summary} (${own})`)
      : advice(summary, { powershell: [`${windows} -ComputerName ${psQuote(short)}`] });
  if (!settings.enabled) {
    found.push(
      hostFinding(reading, "host-migration-off", {
        cause: `Live migration is switched off on ${name} (EnableVirtualSystemMigration is false).`,
        evidence: [fact(reading, "EnableVirtualSystemMigration", "false")],
        effect: `Nothing moves to ${name} or away from it.`,
        remedies: [
          change("Switch it on.", "Enable-VMMigration", `waybill host settings ${short} --enable-migration`),
        ],
      }),
    );
  }
  if (settings.authentication === "credSsp") {
    found.push(
      hostFinding(reading, "host-credssp", {
        cause: `${name} migrates with CredSSP (AuthenticationType), not with Kerberos: delegation in the directory means nothing to it.`,
        evidence: [fact(reading, "AuthenticationType", "CredSSP")],
        effect: `Only somebody signed in on ${name} can move machines away from it, and with Credential Guard nobody can.`,
        remedies: [
          change(
            "Let it use Kerberos.",
            "Set-VMHost -VirtualMachineMigrationAuthenticationType Kerberos",
            "its service knows nothing else: update it",
          ),
        ],
      }),
    );
  }
  const most = settings.maximumMigrations;
  if (most <= 1) {
    found.push(
      hostFinding(reading, "host-limit-low", {
        severity: most < 1 ? "warning" : "notice",
        cause: `${name} allows ${most < 1 ? "no migration" : "one migration at a time"} (MaximumActiveVirtualSystemMigration is ${most}).`,
        evidence: [fact(reading, "MaximumActiveVirtualSystemMigration", String(most))],
        effect: most < 1 ? `Nothing moves to ${name} or away from it.` : `Evacuating ${name} takes its time.`,
        remedies: [
          change(
            "Allow two or more; Hyper-V's default is 2.",
            "Set-VMHost -MaximumVirtualMachineMigrations 2",
            `waybill host settings ${short} --maximum-migrations 2`,
          ),
        ],
      }),
    );
  }
  // On a Waybill host an empty list stands for any network.
  if (kind === "hyper-v" && networks?.length === 0) {
    found.push(
      hostFinding(reading, "host-networks-none", {
        cause: `${name} has no network for incoming migrations (Msvm_VirtualSystemMigrationNetworkSettingData).`,
        evidence: [fact(reading, "Msvm_VirtualSystemMigrationNetworkSettingData", "no instance")],
        effect: `${name} listens on no address, so nothing can be moved to it.`,
        remedies: [
          advice("Name the network, or allow any.", {
            powershell: [
              `Add-VMMigrationNetwork -Subnet 192.0.2.0/24 -ComputerName ${psQuote(short)}`,
              `Set-VMHost -UseAnyNetworkForMigration $true -ComputerName ${psQuote(short)}`,
            ],
          }),
        ],
      }),
    );
  }
  if (status?.evidenceMode === "s4u2self") {
    found.push(
      hostFinding(reading, "host-evidence-s4u", {
        cause: `${name} is a Waybill host that makes its evidence by S4U2Self (evidence: s4u2self), though it has the person's own ticket.`,
        evidence: [fact(reading, "Waybill_HostStatus.EvidenceMode", status.evidenceMode)],
        effect: `Its account needs "Use any authentication protocol", with which it can act for people who are not there.`,
        remedies: [
          advice(
            "Set evidence: auto in its configuration, unless it is there to reproduce what Windows does.",
          ),
        ],
      }),
    );
  }
  return found;
}
