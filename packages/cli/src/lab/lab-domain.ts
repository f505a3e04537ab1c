import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type DirectoryView, migrationServiceClass, usualComputerSpns } from "@waybill/directory";
import type { EvidenceMode } from "@waybill/host";
import type { KdcProfileName } from "@waybill/kdc";
import { type Credential, type Keytab, parsePrincipal } from "@waybill/kerberos";
import type { Workstation } from "../session/workstation.ts";
import { fullLabName, type LabLayout, labHosts, labPaths, labRealm } from "./layout.ts";

/** Whose domain controller a lab has: Waybill's own, or a real Samba AD. */
export const labDomainKinds = ["embedded", "samba"] as const;
export type LabDomainKind = (typeof labDomainKinds)[number];

/** People of the lab. Everybody but dave is a VM operator. */
export const labPeople: Readonly<Record<string, { readonly sensitive?: true; readonly protected?: true }>> = {
  alice: {},
  bob: {},
  carol: { sensitive: true },
  paul: { protected: true },
  dave: {},
};

export const operatorsGroup = "VM Operators";
export const labOperators = ["alice", "bob", "carol", "paul"] as const;
/** The hosts, and a management server: it has no machines of its own, so nothing migrates to it. */
export const labComputers = ["KVM01", "KVM02", "WAC"] as const;
const managementServer = "WAC";

/** The service names a computer of the lab registers. */
export function labComputerSpns(name: string): string[] {
  return usualComputerSpns(name, fullLabName(name.toLowerCase()), name !== managementServer);
}

/** A change to the directory, as scenarios write it. */
export interface DirectoryChange {
  /** Delegation of computer accounts. `to` names hosts; each stands for its services' short and full names. */
  readonly delegation?: Readonly<Record<string, DelegationChange>> | undefined;
  readonly flags?: Readonly<Record<string, Readonly<Record<string, boolean>>>> | undefined;
  readonly addSpn?: Readonly<Record<string, readonly string[]>> | undefined;
  readonly removeSpn?: Readonly<Record<string, readonly string[]>> | undefined;
  readonly attributes?: Readonly<Record<string, Readonly<Record<string, string>>>> | undefined;
  readonly leaveGroup?: Readonly<Record<string, readonly string[]>> | undefined;
  readonly joinGroup?: Readonly<Record<string, readonly string[]>> | undefined;
}

export interface DelegationChange {
  readonly to?: readonly string[] | undefined;
  readonly spns?: readonly string[] | undefined;
  readonly protocol?: "kerberos" | "any" | undefined;
  readonly from?: readonly string[] | undefined;
}

/** Where a domain controller listens, on the lab's dc1 address. */
export interface LabDomainPorts {
  readonly kdc: number;
  readonly kpasswd: number;
  readonly ldap: number;
}

/** The lab's domain while its controller runs: changes are seen at once. */
export interface LabDomain {
  readonly kind: LabDomainKind;
  readonly layout: LabLayout;
  readonly ports: LabDomainPorts;
  /** How its KDC decides; what the doctor predicts with. */
  readonly profile: KdcProfileName;
  /** SID of the group that operates virtual machines. */
  operatorsSid(): Promise<string>;
  apply(change: DirectoryChange): Promise<void>;
  /** Puts back what the lab began with: every setting a scenario may change. */
  reset(): Promise<void>;
  keytab(account: string): Promise<Keytab>;
  /** What the doctor looks at. */
  view(): Promise<DirectoryView>;
  close(): Promise<void>;
}

/** What every lab begins with: delegation in both directions, "Use Kerberos only". */
export const usualSettings: DirectoryChange = {
  delegation: {
    KVM01: { to: ["kvm02"], protocol: "kerberos", from: [] },
    KVM02: { to: ["kvm01"], protocol: "kerberos", from: [] },
  },
  attributes: {
    ...hostSystems("auto"),
    [managementServer]: { operatingSystem: "Windows Server 2025 Standard" },
  },
};

/**
 * What the hosts' accounts say of their system. The doctor concludes from it whether a host keeps its callers'
 * tickets; a host that plays Windows Server 2016 has to look like one.
 */
export function hostSystems(evidence: EvidenceMode): NonNullable<DirectoryChange["attributes"]> {
  const operatingSystem = evidence === "s4u2self" ? "Windows Server 2016 Standard" : "Linux";
  return Object.fromEntries(labHosts.map((host) => [host.toUpperCase(), { operatingSystem }]));
}

/** The services a migration needs, in the spellings Windows administrators enter. */
export function migrationSpns(host: string): string[] {
  const short = host.toUpperCase();
  const full = fullLabName(host.toLowerCase());
  return [migrationServiceClass, "cifs"].flatMap((service) => [`${service}/${short}`, `${service}/${full}`]);
}

/** The services a delegation change lists; `undefined`: it leaves the list alone. */
export function listedServices({ to, spns }: DelegationChange): string[] | undefined {
  if (to === undefined && spns === undefined) return undefined;
  return [...(to ?? []).flatMap(migrationSpns), ...(spns ?? [])];
}

/** The ticket-granting ticket of a person who signs in at the workstation. */
export async function signInToLab(
  { layout }: LabDomain,
  person: string,
  workstation: Workstation,
): Promise<Credential> {
  const principal = parsePrincipal(`${person}@${labRealm}`);
  return await workstation.client.login({
    principal,
    password: readPassword(layout, person),
    forwardable: true,
  });
}

function passwordPath(layout: LabLayout, name: string): string {
  return join(labPaths(layout).workstation, `${name}.password`);
}

/** Makes up a password, and keeps it where the lab's owner finds it. */
export function keepPassword(
  layout: LabLayout,
  name: string,
  password = `Lab-${randomBytes(9).toString("base64url")}1`,
): string {
  mkdirSync(labPaths(layout).workstation, { recursive: true, mode: 0o700 });
  writeFileSync(passwordPath(layout, name), password, { mode: 0o600 });
  return password;
}

export function readPassword(layout: LabLayout, name: string): string {
  return readFileSync(passwordPath(layout, name), "utf8");
}
