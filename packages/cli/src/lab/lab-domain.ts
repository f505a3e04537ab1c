import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { WaybillError } from "@waybill/base";
import {
  type DelegationSettings,
  EmbeddedDirectory,
  type UserAccountControlFlag,
  usualComputerSpns,
} from "@waybill/directory";
import { migrationServiceClass } from "@waybill/host";
import { controllerPaths, createControllerState, exportKeytab } from "@waybill/kdc";
import { type Credential, parsePrincipal, writeKeytab } from "@waybill/kerberos";
import type { Workstation } from "../session/workstation.ts";
import { fullLabName, type LabLayout, labAddress, labPaths, labPorts, labRealm } from "./layout.ts";

/** People of the lab. Everybody but dave is a VM operator. */
export const labPeople = {
  alice: {},
  bob: {},
  carol: { sensitive: true },
  paul: { protected: true },
  dave: {},
} as const;

export const operatorsGroup = "VM Operators";
const computers = ["KVM01", "KVM02", "WAC"] as const;

/** A change to the directory, as scenarios write it. */
export interface DirectoryChange {
  /** Delegation of computer accounts. `services` are classes; each stands for short and full name. */
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

/** The services a migration needs, in the spellings Windows administrators enter. */
export function migrationSpns(host: string): string[] {
  const short = host.toUpperCase();
  const full = fullLabName(host.toLowerCase());
  return [migrationServiceClass, "cifs"].flatMap((service) => [`${service}/${short}`, `${service}/${full}`]);
}

/** The lab's domain while its controller runs: changes are seen at once. */
export class LabDomain {
  readonly layout: LabLayout;
  readonly directory: EmbeddedDirectory;

  private constructor(layout: LabLayout, directory: EmbeddedDirectory) {
    this.layout = layout;
    this.directory = directory;
  }

  static create(layout: LabLayout): LabDomain {
    const { domain } = labPaths(layout);
    const administratorPassword = keepPassword(layout, "Administrator");
    const directory = createControllerState(domain, { realm: labRealm, administratorPassword });
    const lab = new LabDomain(layout, directory);
    directory.createGroup({ name: operatorsGroup });
    for (const [name, traits] of Object.entries(labPeople)) {
      directory.createUser({ name, password: keepPassword(layout, name), ...traits });
    }
    directory.addMember(operatorsGroup, "alice", "bob", "carol", "paul");
    for (const name of computers) {
      directory.createComputer({ name, dnsHostName: fullLabName(name.toLowerCase()), migration: true });
    }
    lab.apply({ delegation: { KVM01: { to: ["kvm02"] }, KVM02: { to: ["kvm01"] } } });
    return lab;
  }

  static open(layout: LabLayout): LabDomain {
    return new LabDomain(layout, EmbeddedDirectory.open(controllerPaths(labPaths(layout).domain).directory));
  }

  async close(): Promise<void> {
    await this.directory.close();
  }

  /** SID of the group that operates virtual machines. */
  get operatorsSid(): string {
    return this.#groupSid(operatorsGroup);
  }

  apply(change: DirectoryChange): void {
    const { directory } = this;
    for (const [account, settings] of Object.entries(change.delegation ?? {})) {
      directory.setDelegation(account, delegationSettings(settings));
    }
    for (const [account, flags] of Object.entries(change.flags ?? {})) {
      directory.setFlags(account, flags as Partial<Record<UserAccountControlFlag, boolean>>);
    }
    for (const [account, spns] of Object.entries(change.removeSpn ?? {}))
      directory.removeSpn(account, ...spns);
    for (const [account, spns] of Object.entries(change.addSpn ?? {})) this.#forceSpn(account, spns);
    for (const [account, attributes] of Object.entries(change.attributes ?? {}))
      directory.setAttributes(account, attributes);
    for (const [group, members] of Object.entries(change.leaveGroup ?? {}))
      directory.removeMember(group, ...members);
    for (const [group, members] of Object.entries(change.joinGroup ?? {}))
      directory.addMember(group, ...members);
  }

  /** Puts back what the lab began with: every setting a scenario may change. */
  reset(): void {
    const { directory } = this;
    for (const name of computers) {
      const dns = fullLabName(name.toLowerCase());
      directory.setAttributes(name, {
        "msDS-AllowedToDelegateTo": undefined,
        "msDS-AllowedToActOnBehalfOfOtherIdentity": undefined,
        "msDS-SupportedEncryptionTypes": undefined,
        servicePrincipalName: usualComputerSpns(name, dns, true),
      });
      directory.setFlags(name, {
        trustedToAuthForDelegation: false,
        trustedForDelegation: false,
        notDelegated: false,
        accountDisable: false,
      });
    }
    directory.setFlags("krbtgt", { notDelegated: false });
    for (const [name, traits] of Object.entries(labPeople)) {
      directory.setFlags(name, { notDelegated: "sensitive" in traits, accountDisable: false });
    }
    this.apply({ delegation: { KVM01: { to: ["kvm02"] }, KVM02: { to: ["kvm01"] } } });
  }

  async exportKeytab(account: string, path: string): Promise<void> {
    await writeKeytab(path, exportKeytab(this.directory, account));
  }

  /** The ticket-granting ticket of a person who signs in at the workstation. */
  async signIn(person: string, workstation: Workstation): Promise<Credential> {
    const principal = parsePrincipal(`${person}@${labRealm}`);
    return await workstation.client.login({
      principal,
      password: readPassword(this.layout, person),
      forwardable: true,
    });
  }

  /** A duplicate is what some scenarios are about: it goes past the check that AD has had since 2012. */
  #forceSpn(account: string, spns: readonly string[]): void {
    const current = this.directory.byName(account)?.servicePrincipalNames ?? [];
    this.directory.setAttributes(account, { servicePrincipalName: [...new Set([...current, ...spns])] });
  }

  #groupSid(name: string): string {
    const found = this.directory.groupBySam(name)?.sid;
    if (found !== undefined) return found;
    throw new WaybillError(`the lab's domain has no ${name}`, { code: "LAB_BROKEN", family: "bug" });
  }
}

function delegationSettings({ to, spns, protocol, from }: DelegationChange): DelegationSettings {
  const list =
    to === undefined && spns === undefined
      ? undefined
      : [...(to ?? []).flatMap(migrationSpns), ...(spns ?? [])];
  return {
    ...(list === undefined ? {} : { to: list }),
    ...(protocol === undefined ? {} : { protocol }),
    ...(from === undefined ? {} : { from }),
  };
}

function passwordPath(layout: LabLayout, name: string): string {
  return join(labPaths(layout).workstation, `${name}.password`);
}

function keepPassword(layout: LabLayout, name: string): string {
  const password = `Lab-${randomBytes(9).toString("base64url")}1`;
  mkdirSync(labPaths(layout).workstation, { recursive: true, mode: 0o700 });
  writeFileSync(passwordPath(layout, name), password, { mode: 0o600 });
  return password;
}

export function readPassword(layout: LabLayout, name: string): string {
  return readFileSync(passwordPath(layout, name), "utf8");
}

/** krb5.conf for MIT's tools and for ours, and the workstation's list of hosts. */
export function writeWorkstationFiles(layout: LabLayout): void {
  const { krb5Conf, workstationConfig } = labPaths(layout);
  const dc = labAddress(layout, "dc1");
  writeFileSync(
    krb5Conf,
    `[libdefaults]
  default_realm = ${labRealm}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
  forwardable = true

[realms]
  ${labRealm} = {
    kdc = ${dc}:${labPorts.kdc}
    kpasswd_server = ${dc}:${labPorts.kpasswd}
  }

[domain_realm]
  .lab.test = ${labRealm}
  lab.test = ${labRealm}
`,
    { mode: 0o644 },
  );
  const hosts = ["kvm01", "kvm02"].map(
    (host) => `  ${fullLabName(host)}: {address: ${labAddress(layout, host)}, port: ${labPorts.wsman}}\n`,
  );
  writeFileSync(
    workstationConfig,
    `hosts:\n${hosts.join("")}ldap: {address: ${dc}, port: ${labPorts.ldap}}\n`,
    { mode: 0o644 },
  );
}
