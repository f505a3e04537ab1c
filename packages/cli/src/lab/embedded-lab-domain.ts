import { WaybillError } from "@waybill/base";
import { type DelegationSettings, EmbeddedDirectory, type UserAccountControlFlag } from "@waybill/directory";
import { controllerPaths, createControllerState, exportKeytab } from "@waybill/kdc";
import type { Keytab } from "@waybill/kerberos";
import {
  type DelegationChange,
  type DirectoryChange,
  keepPassword,
  type LabDomain,
  labComputerSpns,
  labComputers,
  labOperators,
  labPeople,
  listedServices,
  operatorsGroup,
  usualSettings,
} from "./lab-domain.ts";
import { fullLabName, type LabLayout, labPaths, labPorts, labRealm } from "./layout.ts";

/** The lab's domain on Waybill's own controller: it shares the directory's store with the running server. */
export class EmbeddedLabDomain implements LabDomain {
  readonly kind = "embedded";
  readonly profile = "active-directory";
  readonly ports = { kdc: labPorts.kdc, kpasswd: labPorts.kpasswd, ldap: labPorts.ldap };
  readonly layout: LabLayout;
  readonly #directory: EmbeddedDirectory;

  private constructor(layout: LabLayout, directory: EmbeddedDirectory) {
    this.layout = layout;
    this.#directory = directory;
  }

  static create(layout: LabLayout): EmbeddedLabDomain {
    const { domain } = labPaths(layout);
    const administratorPassword = keepPassword(layout, "Administrator");
    const directory = createControllerState(domain, { realm: labRealm, administratorPassword });
    directory.createGroup({ name: operatorsGroup });
    for (const [name, traits] of Object.entries(labPeople)) {
      directory.createUser({ name, password: keepPassword(layout, name), ...traits });
    }
    directory.addMember(operatorsGroup, ...labOperators);
    // Where the doctor looks for those who move machines.
    directory.addMember("Hyper-V Administrators", operatorsGroup);
    for (const name of labComputers) {
      const dnsHostName = fullLabName(name.toLowerCase());
      directory.createComputer({ name, dnsHostName, spns: labComputerSpns(name) });
    }
    const lab = new EmbeddedLabDomain(layout, directory);
    lab.#change(usualSettings);
    return lab;
  }

  static open(layout: LabLayout): EmbeddedLabDomain {
    const { directory } = controllerPaths(labPaths(layout).domain);
    return new EmbeddedLabDomain(layout, EmbeddedDirectory.open(directory));
  }

  async close(): Promise<void> {
    await this.#directory.close();
  }

  async operatorsSid(): Promise<string> {
    const found = this.#directory.groupBySam(operatorsGroup)?.sid;
    if (found !== undefined) return found;
    throw new WaybillError(`the lab's domain has no ${operatorsGroup}`, {
      code: "LAB_BROKEN",
      family: "bug",
    });
  }

  async keytab(account: string): Promise<Keytab> {
    return exportKeytab(this.#directory, account);
  }

  async view(): Promise<EmbeddedDirectory> {
    return this.#directory;
  }

  async apply(change: DirectoryChange): Promise<void> {
    this.#change(change);
  }

  async reset(): Promise<void> {
    const directory = this.#directory;
    for (const name of labComputers) {
      directory.setAttributes(name, {
        "msDS-AllowedToDelegateTo": undefined,
        "msDS-AllowedToActOnBehalfOfOtherIdentity": undefined,
        "msDS-SupportedEncryptionTypes": undefined,
        servicePrincipalName: labComputerSpns(name),
      });
      directory.setFlags(name, {
        trustedToAuthForDelegation: false,
        trustedForDelegation: false,
        notDelegated: false,
        accountDisable: false,
      });
    }
    directory.setFlags("krbtgt", { notDelegated: false });
    for (const [name, { sensitive = false }] of Object.entries(labPeople)) {
      directory.setFlags(name, { notDelegated: sensitive, accountDisable: false });
    }
    this.#change(usualSettings);
  }

  #change(change: DirectoryChange): void {
    const directory = this.#directory;
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

  /** A duplicate is what some scenarios are about: it goes past the check that AD has had since 2012. */
  #forceSpn(account: string, spns: readonly string[]): void {
    const current = this.#directory.byName(account)?.servicePrincipalNames ?? [];
    this.#directory.setAttributes(account, { servicePrincipalName: [...new Set([...current, ...spns])] });
  }
}

function delegationSettings(change: DelegationChange): DelegationSettings {
  const { protocol, from } = change;
  const list = listedServices(change);
  return {
    ...(list === undefined ? {} : { to: list }),
    ...(protocol === undefined ? {} : { protocol }),
    ...(from === undefined ? {} : { from }),
  };
}
