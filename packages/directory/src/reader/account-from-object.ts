import type { Account, AccountKind, Group, GroupScope } from "../model/account.ts";
import { UserAccountControl } from "../model/user-account-control.ts";
import { fromFiletime } from "../names/filetime.ts";
import { formatGuid } from "../names/guid.ts";
import { decodeSid } from "../security/sid.ts";
import {
  type AttributeValue,
  firstBytes,
  firstInteger,
  firstText,
  type StoredObject,
  texts,
} from "../store/stored-object.ts";

const none: ReadonlySet<string> = new Set();

/** The account an object is, or `undefined` when it is none: no SID, no name, a group. */
export function accountFromObject(object: StoredObject, dn: string): Account | undefined {
  const sid = firstBytes(object, "objectsid");
  const samAccountName = firstText(object, "samaccountname");
  const userAccountControl = firstInteger(object, "useraccountcontrol");
  const classes = object.attributes.get("objectclass") ?? [];
  if (sid === undefined || samAccountName === undefined || includesClass(classes, "group")) return undefined;
  const unreadable = texts(object, unreadableAttribute);
  const guid = firstBytes(object, "objectguid");
  const uac = userAccountControl ?? 0;
  return {
    kind: kindOf(classes, uac),
    dn,
    sid: decodeSid(sid),
    guid: guid === undefined ? undefined : formatGuid(guid),
    samAccountName,
    userPrincipalName: firstText(object, "userprincipalname"),
    displayName: firstText(object, "displayname"),
    dnsHostName: firstText(object, "dnshostname"),
    servicePrincipalNames: texts(object, "serviceprincipalname"),
    userAccountControl: uac,
    primaryGroupId:
      firstInteger(object, "primarygroupid") ?? (includesClass(classes, "computer") ? 515 : 513),
    supportedEncryptionTypes: firstInteger(object, "msds-supportedencryptiontypes") || undefined,
    accountExpires: fromFiletime(firstText(object, "accountexpires")),
    passwordLastSet: fromFiletime(firstText(object, "pwdlastset")),
    badPasswordCount: firstInteger(object, "badpwdcount") ?? 0,
    badPasswordTime: fromFiletime(firstText(object, "badpasswordtime")),
    lockoutTime: fromFiletime(firstText(object, "lockouttime")),
    logonHours: firstBytes(object, "logonhours"),
    logonWorkstations: namesIn(firstText(object, "userworkstations")),
    lastLogon: fromFiletime(firstText(object, "lastlogon")),
    logonCount: firstInteger(object, "logoncount") ?? 0,
    allowedToDelegateTo: texts(object, "msds-allowedtodelegateto"),
    allowedToActOnBehalfOf: firstBytes(object, "msds-allowedtoactonbehalfofotheridentity"),
    keySets: object.keySets ?? [],
    kvno: kvnoOf(object),
    unreadable: unreadable.length === 0 ? none : new Set(unreadable),
  };
}

/** Number of the key an account has now; 0 when nobody says. */
export function kvnoOf(object: StoredObject): number {
  return object.keySets?.[0]?.kvno ?? firstInteger(object, "msds-keyversionnumber") ?? 0;
}

function namesIn(list: string | undefined): readonly string[] | undefined {
  const names = list?.split(",").flatMap((name) => name.trim() || []);
  return names === undefined || names.length === 0 ? undefined : names;
}

/** A pseudo-attribute, not valid as an LDAP name: attributes the source did not let us read, in lower case. */
export const unreadableAttribute = " unreadable";

export function groupFromObject(object: StoredObject, dn: string): Group | undefined {
  const sid = firstBytes(object, "objectsid");
  const type = firstInteger(object, "grouptype");
  const samAccountName = firstText(object, "samaccountname");
  if (sid === undefined || type === undefined || samAccountName === undefined) return undefined;
  return {
    dn,
    sid: decodeSid(sid),
    samAccountName,
    scope: scopeOf(type),
    security: (type & GroupType.security) !== 0,
  };
}

/** Bits of groupType: MS-ADTS section 2.2.12. */
export const GroupType = {
  builtin: 1,
  global: 2,
  domainLocal: 4,
  universal: 8,
  security: 0x80000000,
} as const;

function scopeOf(type: number): GroupScope {
  if ((type & GroupType.builtin) !== 0) return "builtin";
  if ((type & GroupType.universal) !== 0) return "universal";
  return (type & GroupType.domainLocal) !== 0 ? "domain-local" : "global";
}

function kindOf(classes: readonly AttributeValue[], userAccountControl: number): AccountKind {
  if ((userAccountControl & UserAccountControl.interdomainTrustAccount) !== 0) return "trust";
  if (includesClass(classes, "msds-groupmanagedserviceaccount")) return "group-managed-service-account";
  if (includesClass(classes, "msds-delegatedmanagedserviceaccount"))
    return "delegated-managed-service-account";
  if (includesClass(classes, "msds-managedserviceaccount")) return "managed-service-account";
  return includesClass(classes, "computer") ? "computer" : "user";
}

/** Whether one of the classes has this name, which is in lower case. */
function includesClass(classes: readonly AttributeValue[], name: string): boolean {
  for (const each of classes)
    if (typeof each === "string" && each.length === name.length && each.toLowerCase() === name) return true;
  return false;
}
