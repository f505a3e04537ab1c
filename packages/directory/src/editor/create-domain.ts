import { DirectoryError } from "../errors.ts";
import { type Domain, domainDefaults, domainDn } from "../model/domain.ts";
import { hostAliases } from "../model/spn.ts";
import { UserAccountControl } from "../model/user-account-control.ts";
import { builtinGroups, domainGroups, type WellKnownGroup, WellKnownRid } from "../model/well-known.ts";
import { makeRdn } from "../names/dn.ts";
import { toFiletime, toInterval } from "../names/filetime.ts";
import { type DomainSettings, domainSettingsKey } from "../reader/domain-from-store.ts";
import { encodeSid } from "../security/sid.ts";
import { passwordKeySet, randomKeySet } from "./account-keys.ts";
import { type DirectoryEditor, groupTypeOf } from "./directory-editor.ts";

export interface NewDomain {
  /** `lab.test` or `LAB.TEST`. */
  readonly realm: string;
  /** First label of the realm by default. */
  readonly netbiosName?: string | undefined;
  /** A random `S-1-5-21-…` by default. */
  readonly sid?: string | undefined;
  /** Without one the Administrator account stays disabled. */
  readonly administratorPassword?: string | undefined;
  readonly functionalLevel?: number | undefined;
  readonly lockout?: Partial<Domain["lockout"]> | undefined;
  readonly passwords?: Partial<Domain["passwords"]> | undefined;
  readonly tickets?: Partial<Domain["tickets"]> | undefined;
  readonly defaultSupportedEncTypes?: number | undefined;
  readonly upnSuffixes?: readonly string[] | undefined;
  readonly machineAccountQuota?: number | undefined;
}

/** Fills an empty store with a fresh domain: containers, well-known groups, Administrator, Guest, krbtgt. */
export function createDomain(editor: DirectoryEditor, domain: NewDomain): void {
  const dnsName = domain.realm.toLowerCase();
  if (
    dnsName.length > 255 ||
    !/^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/.test(dnsName)
  ) {
    throw new DirectoryError(`"${domain.realm.slice(0, 80)}" cannot be a domain's name`, {
      code: "BAD_NAME",
      family: "caller",
      remedy: "Use a DNS name such as LAB.TEST.",
    });
  }
  if (editor.store.setting(domainSettingsKey) !== undefined) {
    throw new DirectoryError("the directory already holds a domain", {
      code: "ALREADY_EXISTS",
      family: "caller",
      remedy: "Use it, or make the new one in an empty directory.",
    });
  }
  const sid = domain.sid ?? randomDomainSid(editor);
  const settings: DomainSettings = {
    dnsName,
    netbiosName: (domain.netbiosName ?? dnsName.split(".")[0] ?? dnsName).toUpperCase().slice(0, 15),
    tickets: domain.tickets,
    defaultSupportedEncTypes: domain.defaultSupportedEncTypes,
    upnSuffixes: domain.upnSuffixes,
  };
  editor.store.setSetting(domainSettingsKey, settings);
  const dn = domainDn(dnsName);
  addDomainHead(editor, dn, sid, domain);
  addContainers(editor, dn, settings);
  const sidOf = (group: WellKnownGroup): string =>
    `${group.scope === "builtin" ? "S-1-5-32" : sid}-${group.rid}`;
  for (const group of builtinGroups) addGroup(editor, group, `CN=Builtin,${dn}`, sidOf(group));
  for (const group of domainGroups) addGroup(editor, group, `CN=Users,${dn}`, sidOf(group));
  for (const group of domainGroups)
    for (const parent of group.memberOf ?? []) editor.addMember(parent, group.name);
  addAdministrator(editor, dn, sid, domain.administratorPassword);
  addBuiltinAccount(editor, dn, "Guest", `${sid}-${WellKnownRid.guest}`, 0x10222, WellKnownRid.domainGuests);
  addKrbtgt(editor, dn, sid);
}

function addDomainHead(editor: DirectoryEditor, dn: string, sid: string, domain: NewDomain): void {
  const lockout = { ...domainDefaults.lockout, ...domain.lockout };
  const passwords = { ...domainDefaults.passwords, ...domain.passwords };
  editor.addRoot(dn, {
    objectClass: "domainDNS",
    objectSid: encodeSid(sid),
    "msDS-Behavior-Version": String(domain.functionalLevel ?? domainDefaults.functionalLevel),
    nTMixedDomain: "0",
    lockoutThreshold: String(lockout.threshold),
    lockoutDuration: toInterval(lockout.duration),
    lockOutObservationWindow: toInterval(lockout.observationWindow),
    maxPwdAge: toInterval(passwords.maxAge),
    minPwdAge: toInterval(passwords.minAge),
    minPwdLength: String(passwords.minLength),
    pwdHistoryLength: String(passwords.historyLength),
    pwdProperties: passwords.complexity ? "1" : "0",
    "ms-DS-MachineAccountQuota": String(domain.machineAccountQuota ?? domainDefaults.machineAccountQuota),
    isCriticalSystemObject: "TRUE",
    wellKnownObjects: wellKnownContainers.map(([name, guid]) => `B:32:${guid}:CN=${name},${dn}`),
  });
}

/** GUIDs by which tools find containers wherever they were moved: MS-ADTS section 6.1.1.4. */
const wellKnownContainers = [
  ["Users", "A9D1CA15768811D1ADED00C04FD8D5CD"],
  ["Computers", "AA312825768811D1ADED00C04FD8D5CD"],
  ["System", "AB1D30F3768811D1ADED00C04FD8D5CD"],
  ["LostAndFound", "AB8153B7768811D1ADED00C04FD8D5CD"],
  ["Builtin", "18E2EA80684F11D2B9AA00C04F79F805"],
  ["ForeignSecurityPrincipals", "22B70C67D56E4EFB91E9300FCA3DC1AA"],
  ["Managed Service Accounts", "1EB93889E40C45DF9F0C64D23BBB6237"],
] as const;

function addContainers(editor: DirectoryEditor, dn: string, settings: DomainSettings): void {
  const container = (
    name: string,
    objectClass = "container",
    more: Record<string, string | readonly string[]> = {},
  ): void => {
    editor.add(`CN=${name},${dn}`, {
      objectClass,
      systemFlags: "-1946157056",
      isCriticalSystemObject: "TRUE",
      ...more,
    });
  };
  container("Users");
  container("Computers");
  container("Builtin", "builtinDomain");
  container("System");
  container("LostAndFound", "lostAndFound");
  container("ForeignSecurityPrincipals");
  container("Managed Service Accounts");
  editor.add(`OU=Domain Controllers,${dn}`, {
    objectClass: "organizationalUnit",
    isCriticalSystemObject: "TRUE",
  });
  container("Configuration", "configuration");
  const configuration = `CN=Configuration,${dn}`;
  editor.add(`CN=Schema,${configuration}`, { objectClass: "dMD" });
  editor.add(`CN=Aggregate,CN=Schema,${configuration}`, { objectClass: "subSchema" });
  editor.add(`CN=Services,${configuration}`, { objectClass: "container" });
  editor.add(`CN=Windows NT,CN=Services,${configuration}`, { objectClass: "container" });
  editor.add(`CN=Directory Service,CN=Windows NT,CN=Services,${configuration}`, {
    objectClass: "nTDSService",
    sPNMappings: `host=${[...hostAliases].join(",")}`,
  });
  editor.add(`CN=Sites,${configuration}`, { objectClass: "container" });
  editor.add(`CN=Partitions,${configuration}`, {
    objectClass: "crossRefContainer",
    uPNSuffixes: settings.upnSuffixes ?? [],
  });
  editor.add(`CN=${settings.netbiosName},CN=Partitions,${configuration}`, {
    objectClass: "crossRef",
    nETBIOSName: settings.netbiosName,
    nCName: dn,
    dnsRoot: settings.dnsName,
    systemFlags: "3",
  });
}

function addGroup(editor: DirectoryEditor, group: WellKnownGroup, container: string, sid: string): void {
  const local = group.scope === "domain-local" || group.scope === "builtin";
  editor.add(`${makeRdn("CN", group.name)},${container}`, {
    objectClass: "group",
    sAMAccountName: group.name,
    sAMAccountType: local ? "536870912" : "268435456",
    objectSid: encodeSid(sid),
    groupType: String(groupTypeOf(group.scope)),
    isCriticalSystemObject: "TRUE",
  });
}

function addAdministrator(
  editor: DirectoryEditor,
  dn: string,
  sid: string,
  password: string | undefined,
): void {
  const now = editor.clock.now();
  const { realm } = editor.reader.domain;
  const normal = UserAccountControl.normalAccount | UserAccountControl.dontExpirePassword;
  const facts = { realm, samAccountName: "Administrator", computer: false };
  editor.add(
    `CN=Administrator,CN=Users,${dn}`,
    {
      ...builtinAccount("Administrator", `${sid}-${WellKnownRid.administrator}`, WellKnownRid.domainUsers),
      userAccountControl: String(
        password === undefined ? normal | UserAccountControl.accountDisable : normal,
      ),
      pwdLastSet: toFiletime(now),
      adminCount: "1",
    },
    password === undefined
      ? undefined
      : [passwordKeySet(password, facts, { kvno: 1, setAt: now }, editor.lazyKeys)],
  );
  const groups = [
    "Administrators",
    "Domain Admins",
    "Enterprise Admins",
    "Schema Admins",
    "Group Policy Creator Owners",
  ];
  for (const group of groups) editor.addMember(group, "Administrator");
}

function addKrbtgt(editor: DirectoryEditor, dn: string, sid: string): void {
  const now = editor.clock.now();
  editor.add(
    `CN=krbtgt,CN=Users,${dn}`,
    {
      ...builtinAccount("krbtgt", `${sid}-${WellKnownRid.krbtgt}`, WellKnownRid.domainUsers),
      userAccountControl: String(UserAccountControl.normalAccount | UserAccountControl.accountDisable),
      servicePrincipalName: "kadmin/changepw",
      pwdLastSet: toFiletime(now),
      adminCount: "1",
      showInAdvancedViewOnly: "TRUE",
    },
    [randomKeySet(editor.random, { kvno: 2, setAt: now })],
  );
  editor.addMember("Denied RODC Password Replication Group", "krbtgt");
}

function addBuiltinAccount(
  editor: DirectoryEditor,
  dn: string,
  name: string,
  sid: string,
  userAccountControl: number,
  primaryGroupId: number,
): void {
  editor.add(`CN=${name},CN=Users,${dn}`, {
    ...builtinAccount(name, sid, primaryGroupId),
    userAccountControl: String(userAccountControl),
  });
}

function builtinAccount(
  name: string,
  sid: string,
  primaryGroupId: number,
): Record<string, string | Uint8Array> {
  return {
    objectClass: "user",
    sAMAccountName: name,
    sAMAccountType: "805306368",
    objectSid: encodeSid(sid),
    primaryGroupID: String(primaryGroupId),
    accountExpires: "9223372036854775807",
    pwdLastSet: "0",
    isCriticalSystemObject: "TRUE",
  };
}

function randomDomainSid(editor: DirectoryEditor): string {
  const bytes = editor.random.bytes(12);
  const view = new DataView(bytes.buffer, bytes.byteOffset, 12);
  return `S-1-5-21-${view.getUint32(0)}-${view.getUint32(4)}-${view.getUint32(8)}`;
}
