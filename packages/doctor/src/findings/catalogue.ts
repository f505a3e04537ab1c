import type { ReasonId } from "@waybill/kdc";
import type { Severity } from "./finding.ts";

interface FindingKind {
  readonly title: string;
  readonly severity: Severity;
}

/** Every finding there is. Ids are stable: documents, monitoring and scripts name them. */
export const findingKinds = {
  "protocol-transition-off": { title: "Use Kerberos only, where any protocol is needed", severity: "error" },
  "delegation-missing": { title: "No delegation between two hosts", severity: "error" },
  "delegation-incomplete": { title: "Some services or names are missing", severity: "warning" },
  "delegation-one-way": { title: "Delegation in one direction only", severity: "warning" },
  "entry-dangling": { title: "Delegation to a service name that exists nowhere", severity: "warning" },
  "entry-misplaced": { title: "Delegation to a name that another account holds", severity: "warning" },
  "service-name-missing": { title: "A service name is not registered", severity: "error" },
  "service-name-duplicate": { title: "A service name belongs to several accounts", severity: "error" },
  "service-name-misplaced": { title: "A host's service name is on another account", severity: "error" },
  "service-name-escaped": {
    title: "Samba finds names with spaces only in escaped spelling",
    severity: "error",
  },
  "resource-grant-defeated": { title: "Classic entries defeat resource-based delegation", severity: "error" },
  "resource-grant-dead": {
    title: "Resource-based delegation for accounts that are gone",
    severity: "warning",
  },
  "resource-grant-wide": { title: "Resource-based delegation for too many", severity: "critical" },
  "resource-grant-ineffective": { title: "A delegation descriptor that grants nothing", severity: "warning" },
  "resource-delegation-ignored": { title: "The KDC ignores resource-based delegation", severity: "error" },
  "unconstrained-delegation": { title: "Unconstrained delegation", severity: "critical" },
  "person-not-delegable": { title: "An operator who cannot be delegated", severity: "warning" },
  "person-cannot-sign-in": { title: "An operator who cannot sign in", severity: "warning" },
  "krbtgt-sensitive": { title: "krbtgt is marked sensitive", severity: "critical" },
  "encryption-legacy": { title: "RC4 or DES only, no AES", severity: "error" },
  "host-cannot-sign-in": { title: "A host that cannot sign in", severity: "error" },
  "host-sensitive": { title: "A host marked sensitive", severity: "error" },
  "host-without-pac": { title: "A host that gets tickets without PAC", severity: "error" },
  "machine-password-stale": { title: "An old machine password", severity: "warning" },
  "functional-level-old": { title: "Old domain functional level", severity: "warning" },
  "impersonation-reach": { title: "What a taken-over host could do", severity: "notice" },
  "change-rights-wide": { title: "Who can change delegation", severity: "warning" },
  "attributes-unreadable": { title: "Attributes that could not be read", severity: "warning" },
  "source-damaged": { title: "Parts of the source could not be read", severity: "warning" },
  "controllers-differ": { title: "Domain controllers disagree", severity: "error" },
  "controller-clock": { title: "A domain controller's clock is off", severity: "error" },
  "controller-unreachable": { title: "A domain controller does not answer", severity: "warning" },
  "prediction-differs": { title: "The KDC answered otherwise than predicted", severity: "error" },
  "host-unreachable": { title: "A host's management service does not answer", severity: "warning" },
  "host-credssp": { title: "A host migrates with CredSSP", severity: "error" },
  "host-migration-off": { title: "Live migration is off", severity: "error" },
  "host-port-closed": { title: "Port 6600 cannot be reached", severity: "error" },
  "host-networks-none": { title: "No network is allowed for migration", severity: "warning" },
  "host-networks-apart": { title: "Hosts have no migration network in common", severity: "warning" },
  "host-limit-low": { title: "No or one migration at a time", severity: "notice" },
  "host-delegation-disagrees": { title: "A host and its account do not agree", severity: "warning" },
  "host-evidence-s4u": { title: "A Waybill host in S4U2Self mode", severity: "notice" },
} as const satisfies Readonly<Record<string, FindingKind>>;

export type FindingId = keyof typeof findingKinds;

export function docsOf(id: FindingId): string {
  return `docs/findings.md#${id}`;
}

/** The finding that a refusal of the KDC belongs to. */
export const findingOfReason: Readonly<Partial<Record<ReasonId, FindingId>>> = {
  "kerberos-only": "protocol-transition-off",
  "not-trusted-to-authenticate": "protocol-transition-off",
  "delegation-not-configured": "delegation-missing",
  "target-not-listed": "delegation-missing",
  "resource-grants-nobody": "delegation-missing",
  "resource-does-not-grant": "delegation-missing",
  "resource-grant-unreadable": "resource-grant-ineffective",
  "resource-delegation-unsupported": "resource-delegation-ignored",
  "list-spelling-escaped": "service-name-escaped",
  "service-name-escaped": "service-name-escaped",
  "service-unknown": "service-name-missing",
  "service-name-duplicate": "service-name-duplicate",
  "user-sensitive": "person-not-delegable",
  "user-protected": "person-not-delegable",
  "krbtgt-sensitive": "krbtgt-sensitive",
  "service-tgt-not-forwardable": "host-sensitive",
  "service-sensitive": "host-sensitive",
  "evidence-without-pac": "host-without-pac",
  "target-without-pac": "host-without-pac",
  "no-common-encryption-type": "encryption-legacy",
  "rc4-not-allowed": "encryption-legacy",
  "protected-user-rc4": "encryption-legacy",
  "no-key": "encryption-legacy",
  "client-disabled": "person-cannot-sign-in",
  "client-locked": "person-cannot-sign-in",
  "client-expired": "person-cannot-sign-in",
  "client-password-expired": "person-cannot-sign-in",
  "client-must-change-password": "person-cannot-sign-in",
};
