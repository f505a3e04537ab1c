import type { ExplainEntry, ExplainedCause } from "../entry.ts";
import { errorPage } from "./row.ts";

const admin = "Microsoft-Windows-Hyper-V-VMMS-Admin";
const cluster = "Microsoft-Windows-Hyper-V-High-Availability-Admin";

function event(
  value: number,
  log: string | undefined,
  meaning: string,
  causes: readonly ExplainedCause[],
  remedy: string,
  weight = 3,
  texts?: ExplainEntry["texts"],
): ExplainEntry {
  const common = { kind: "event", value, meaning, causes, remedy, weight } as const;
  return {
    ...common,
    ...(log === undefined ? {} : { log }),
    ...(texts === undefined ? {} : { texts }),
    name: `Event ${value}`,
    docs: errorPage.events,
  };
}

/** Events whose meaning at least one source confirms. */
export const events: readonly ExplainEntry[] = [
  event(
    20306,
    admin,
    "The source host failed to authenticate to the destination; seen together with “No credentials are available in the security package”.",
    [{ cause: "As for 0x8009030E.", checks: ["protocol-transition-off", "delegation-missing"] }],
    "Run `waybill doctor`, or `waybill explain 0x8009030E`.",
    5,
  ),
  event(
    21024,
    admin,
    "A migration failed at its source; the event names the machine and no cause.",
    [{ cause: "Anything: the events beside it, and 1106 in the VMMS-Operational log, carry the code." }],
    "Take the code from the event next to it and explain that one.",
    1,
  ),
  event(
    1106,
    "Microsoft-Windows-Hyper-V-VMMS-Operational",
    "The detailed cause of a failed operation, as a bare code without 0x.",
    [{ cause: "The code inside tells." }],
    "Explain the eight hexadecimal digits in its text.",
    1,
  ),
  event(
    21501,
    cluster,
    "A live migration in a cluster failed or was not begun.",
    [{ cause: "Often the limit of migrations at one time." }, { cause: "Otherwise the text inside tells." }],
    "Explain the text of the event.",
    1,
  ),
  event(
    21502,
    cluster,
    "A live migration in a cluster failed: the umbrella over most causes.",
    [{ cause: "The text inside tells." }],
    "Explain the whole text of the event, not its number.",
    0,
  ),
  event(
    20413,
    admin,
    "The machine's configuration could not be registered at the destination.",
    [{ cause: "The system drives of the two hosts have different letters." }],
    "Give both hosts the same drive letters for the paths that the machine uses.",
    6,
  ),
  event(
    20417,
    admin,
    "The migration went well, with a longer interruption than expected.",
    [{ cause: "The machine wrote memory faster than the network carried it, or its last state was large." }],
    "Use a faster migration network or compression, or move it at a quieter time.",
    6,
    [["unexpectedly long blackout time"]],
  ),
  event(
    21125,
    undefined,
    "The machine's configuration could not be set up at the destination.",
    [{ cause: "Virtual switches of different names." }],
    "Give the switches the same names on both hosts.",
    6,
  ),
  event(
    20406,
    undefined,
    "The hosts could not reach each other's management.",
    [{ cause: "WinRM, a proxy, or the network between the hosts.", checks: ["host-unreachable"] }],
    "Check WinRM on both hosts, and that they leave each other out of the proxy.",
    4,
  ),
  event(
    280,
    undefined,
    "The management of the other host could not be reached.",
    [{ cause: "WinRM, a proxy, or the network between the hosts.", checks: ["host-unreachable"] }],
    "Check WinRM on both hosts, and that they leave each other out of the proxy.",
    4,
  ),
  event(
    10698,
    undefined,
    "The destination does not take the machine's configuration version.",
    [{ cause: "The destination runs an older release of Windows than the machine's version needs." }],
    "Move to a host that knows the version; a machine's version cannot be lowered.",
    6,
  ),
  event(
    14050,
    admin,
    "The host could not register its service principal names.",
    [
      {
        cause:
          "The dynamic TCP ports are not the default range (49152 and 16384 above), or the directory service is pinned outside it: the service may use only that range.",
        checks: ["service-name-missing"],
      },
    ],
    "Restore the default range of dynamic ports (`netsh int ipv4 show dynamicport tcp`), then restart the management service.",
    7,
    [["failed to register service principal name"]],
  ),
  event(
    4738,
    "Security, on domain controllers",
    "A user account was changed; with msDS-AllowedToDelegateTo in it, somebody changed delegation.",
    [
      {
        cause: "An administrator, a tool such as the doctor, or an attacker.",
        checks: ["change-rights-wide"],
      },
    ],
    "Compare who and when with your changes; `waybill doctor` lists what delegation allows now.",
  ),
  event(
    5136,
    "Security, on domain controllers",
    "An object of the directory was changed; watch it for the delegation attributes.",
    [
      {
        cause: "An administrator, a tool such as the doctor, or an attacker.",
        checks: ["change-rights-wide"],
      },
    ],
    "Compare who and when with your changes; `waybill doctor` lists what delegation allows now.",
  ),
  event(
    4768,
    "Security, on domain controllers",
    "Somebody asked for a ticket-granting ticket; the event tells the encryption type.",
    [{ cause: "An ordinary sign-in. Encryption type 0x17 means RC4.", checks: ["encryption-legacy"] }],
    "Look for encryption type 0x17 and give these accounts AES keys.",
  ),
  event(
    4769,
    "Security, on domain controllers",
    "Somebody asked for a service ticket; the event tells the encryption type and, in delegation, the transited services.",
    [
      {
        cause: "Ordinary use. A failure code is a Kerberos error number in hexadecimal.",
        checks: ["encryption-legacy"],
      },
    ],
    "Explain its failure code; encryption type 0x17 means RC4.",
  ),
  ...[201, 202, 203, 204, 205, 206, 207, 208, 209].map((id) =>
    event(
      id,
      "System, source KDCSVC, on domain controllers",
      id === 205
        ? "The domain's default encryption types are set explicitly, and insecurely."
        : "A Kerberos request or account depends on RC4, which the updates of 2026 take away.",
      [
        {
          cause: "Accounts without AES keys, or a default that still lists RC4.",
          checks: ["encryption-legacy"],
        },
      ],
      "Give the account a new password and AES in msDS-SupportedEncryptionTypes.",
      4,
    ),
  ),
];

/** Ids that circulate on web pages, and for which no source was found. Nothing is asserted of them. */
export const undocumentedEvents: ReadonlySet<number> = new Set([22038, 22040, 20308, 20400, 21026, 16010]);
