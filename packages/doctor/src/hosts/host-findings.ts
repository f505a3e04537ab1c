import { BlockList, isIP } from "node:net";
import { type DirectoryView, hasFlag } from "@waybill/directory";
import type { KdcProfile } from "@waybill/kdc";
import { docsOf, type FindingId, findingKinds } from "../findings/catalogue.ts";
import { enumerate } from "../findings/examination.ts";
import type { Finding } from "../findings/finding.ts";
import { shortNameOf } from "../model/service-names.ts";
import { trusteesOf } from "../repair/attribute-diff.ts";
import { psQuote } from "../repair/commands.ts";
import { PlanDraft } from "../repair/plan-draft.ts";
import { advice, type Remedy, remedyOf } from "../repair/remedy.ts";
import type { HostNetwork, HostReading } from "./host-reading.ts";

type Parts = Omit<Finding, "id" | "severity" | "docs"> & Partial<Pick<Finding, "severity">>;

/** What hosts that were asked say against themselves, and where they and the directory do not agree. */
export function hostFindings(
  view: DirectoryView,
  profile: KdcProfile,
  readings: readonly HostReading[],
): Finding[] {
  const trustees = new Set<string>();
  if (profile.resourceBasedDelegation) {
    for (const { allowedToActOnBehalfOf } of view.accounts())
      for (const sid of trusteesOf(allowedToActOnBehalfOf)) trustees.add(sid);
  }
  return [
    ...readings.flatMap((reading) => [
      ...reachable(reading),
      ...settingsFindings(reading),
      ...agreement(view, trustees, reading),
    ]),
    ...networksApart(readings),
  ];
}

function reachable(reading: HostReading): Finding[] {
  const { name, management, migration, listenerClosed, migrationClosed, failure, settings } = reading;
  const found: Finding[] = [];
  const short = shortNameOf(reading.account);
  if (failure !== undefined) {
    const where = `${management.address}:${management.port}`;
    found.push(
      finding(reading, "host-unreachable", {
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
      finding(reading, "host-port-closed", {
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

function settingsFindings(reading: HostReading): Finding[] {
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
      finding(reading, "host-migration-off", {
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
      finding(reading, "host-credssp", {
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
      finding(reading, "host-limit-low", {
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
      finding(reading, "host-networks-none", {
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
      finding(reading, "host-evidence-s4u", {
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

/** Hosts that listen in networks which no other host has any of. */
function networksApart(readings: readonly HostReading[]): Finding[] {
  const limited = readings.filter(({ networks = [] }) => networks.length > 0);
  return limited.flatMap((reading) => {
    const others = limited.filter((other) => other !== reading);
    if (others.length === 0 || others.some((other) => shareNetwork(reading, other))) return [];
    const own = networkWords(reading);
    return [
      finding(reading, "host-networks-apart", {
        cause: `${reading.name} takes migrations in ${own} only, where none of the other hosts is: ${enumerate(others.map((other) => `${other.name} in ${networkWords(other)}`))}.`,
        evidence: [
          fact(reading, "Msvm_VirtualSystemMigrationNetworkSettingData", own),
          ...others.slice(0, 10).map((other) => ({
            ...fact(other, "Msvm_VirtualSystemMigrationNetworkSettingData", networkWords(other)),
            readFrom: `${other.management.address}:${other.management.port}`,
          })),
        ],
        effect: `Nothing can be moved to ${reading.name}, or from it to the others, unless the networks are routed to each other.`,
        remedies: [
          advice("Give the hosts a network in common.", {
            powershell: [
              `Get-VMMigrationNetwork -ComputerName ${psQuote(shortNameOf(reading.account))}`,
              `Add-VMMigrationNetwork -Subnet 192.0.2.0/24 -ComputerName ${psQuote(shortNameOf(reading.account))}`,
            ],
          }),
        ],
      }),
    ];
  });
}

/** A network with a longer prefix lies in one with a shorter, or they have nothing in common. */
function shareNetwork(left: HostReading, right: HostReading): boolean {
  const within = (inner: readonly HostNetwork[], outer: readonly HostNetwork[]): boolean => {
    const list = new BlockList();
    for (const { subnet, prefixLength } of outer) {
      // Whatever a host says is said by a host.
      const longest = isIP(subnet) === 6 ? 128 : isIP(subnet) === 4 ? 32 : -1;
      if (prefixLength >= 0 && prefixLength <= longest)
        list.addSubnet(subnet, prefixLength, familyOf(subnet));
    }
    return inner.some(({ subnet }) => isIP(subnet) !== 0 && list.check(subnet, familyOf(subnet)));
  };
  const [a = [], b = []] = [left.networks, right.networks];
  return within(a, b) || within(b, a);
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIP(address) === 6 ? "ipv6" : "ipv4";
}

function networkWords({ networks = [] }: HostReading): string {
  return networks.map(({ subnet, prefixLength }) => `${subnet}/${prefixLength}`).join(", ");
}

/** What a host does, beside what the directory lets it do. */
function agreement(view: DirectoryView, trustees: ReadonlySet<string>, reading: HostReading): Finding[] {
  const { account, name, kind, settings, status } = reading;
  if (settings === undefined) return [];
  const found: Finding[] = [];
  const list = account.allowedToDelegateTo;
  const any = hasFlag(account.userAccountControl, "trustedToAuthForDelegation");
  const add = (severity: Finding["severity"], parts: Parts): void => {
    found.push(finding(reading, "host-delegation-disagrees", { severity, ...parts }));
  };
  if (status !== undefined && status.host.toLowerCase() !== name) {
    add("error", {
      cause: `The host that answers for ${name} calls itself "${status.host}".`,
      evidence: [fact(reading, "Waybill_HostStatus.Host", status.host)],
      effect: "Its keytab is of one account and its configuration of another host: other hosts refuse it.",
      remedies: [advice("Correct host: in its configuration, or give it its own keytab.")],
    });
  }
  const transitions = kind === "hyper-v" || status?.evidenceMode === "s4u2self";
  if (settings.authentication === "kerberos" && transitions && list.length > 0 && !any) {
    const draft = new PlanDraft(view);
    draft.setFlag(account, "trustedToAuthForDelegation", true);
    add("error", {
      cause: `${name} ${kind === "hyper-v" ? "is a Hyper-V host, which uses S4U2Self," : "uses S4U2Self (evidence: s4u2self)"} while its account may use Kerberos only (userAccountControl lacks TRUSTED_TO_AUTH_FOR_DELEGATION).`,
      evidence: [
        fact(reading, "evidence", status?.evidenceMode ?? "s4u2self"),
        directoryFact(reading, "userAccountControl", "TRUSTED_TO_AUTH_FOR_DELEGATION not set"),
      ],
      effect: `Nobody can move machines away from ${name} unless signed in on it.`,
      remedies: [
        ...(kind === "waybill"
          ? [advice("Set evidence: auto in its configuration; the directory stays as it is.")]
          : []),
        remedyOf(
          view,
          `Let ${account.samAccountName} use any authentication protocol.`,
          draft.diffs(),
          false,
        ),
      ],
    });
  }
  if (kind === "waybill" && status?.evidenceMode !== "s4u2self" && any) {
    const draft = new PlanDraft(view);
    draft.setFlag(account, "trustedToAuthForDelegation", false);
    add("notice", {
      cause: `${name} works with the person's own ticket (evidence: ${status?.evidenceMode ?? "auto"}), but its account may use any authentication protocol (TRUSTED_TO_AUTH_FOR_DELEGATION).`,
      evidence: [
        fact(reading, "Waybill_HostStatus.EvidenceMode", status?.evidenceMode ?? "auto"),
        directoryFact(reading, "userAccountControl", "TRUSTED_TO_AUTH_FOR_DELEGATION"),
      ],
      effect: `Whoever takes ${name} over can act for people who are not there, for nothing: migrations do not need it.`,
      remedies: [remedyOf(view, `Let ${account.samAccountName} use Kerberos only.`, draft.diffs(), false)],
    });
  }
  const granted = view.tokenSids(account).some((sid) => trustees.has(sid));
  if (settings.enabled && settings.authentication === "kerberos" && list.length === 0 && !granted) {
    add("warning", {
      cause: `${name} migrates with Kerberos, but ${account.samAccountName} may act towards nobody (msDS-AllowedToDelegateTo is empty, and nobody lets it act).`,
      evidence: [
        fact(reading, "AuthenticationType", "Kerberos"),
        directoryFact(reading, "msDS-AllowedToDelegateTo", "(absent)"),
      ],
      effect: `Machines can be moved away from ${name} only by people signed in on it.`,
      remedies: [advice(`waybill delegation allow --from ${shortNameOf(account)} --to <host>`)],
    });
  }
  return found;
}

function finding({ management }: HostReading, id: FindingId, parts: Parts): Finding {
  const readFrom = `${management.address}:${management.port}`;
  return {
    id,
    severity: findingKinds[id].severity,
    docs: docsOf(id),
    ...parts,
    evidence: parts.evidence.map((one) => ({ readFrom, ...one })),
  };
}

function fact({ account, name }: HostReading, attribute: string, value: string) {
  return { object: name, account: account.samAccountName, attribute, value };
}

function directoryFact({ account }: HostReading, attribute: string, value: string) {
  return { object: account.dn, account: account.samAccountName, attribute, value, readFrom: "the directory" };
}
