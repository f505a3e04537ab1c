import { pooledUtf8, utf8 } from "@waybill/base";
import type { EntryData, LdapAttribute } from "@waybill/ldap";
import { accountState } from "../model/account-state.ts";
import { UserAccountControl } from "../model/user-account-control.ts";
import { rdnParts } from "../names/dn.ts";
import { toFiletime } from "../names/filetime.ts";
import { kvnoOf, unreadableAttribute } from "../reader/account-from-object.ts";
import type { DirectoryReader } from "../reader/directory-reader.ts";
import { effectiveDescriptor } from "../rights/object-rights.ts";
import { attributeName, attributeType } from "../schema/attributes.ts";
import { structuralClass } from "../schema/object-classes.ts";
import {
  encodeSecurityDescriptor,
  type SecurityDescriptor,
  SecurityDescriptorControl,
} from "../security/security-descriptor.ts";
import { encodeSid } from "../security/sid.ts";
import { firstText, type StoredObject, texts } from "../store/stored-object.ts";
import { toLdapValue } from "./ldap-values.ts";

export interface EntryOptions {
  /** Lower-case names wanted, `*`, `+` or nothing as in a search; names a filter needs included. */
  readonly wanted: ReadonlySet<string>;
  /** Parts of nTSecurityDescriptor: 1 owner, 2 group, 4 DACL, 8 SACL. */
  readonly sdFlags: number;
  readonly now: number;
  /** The managed password of an object, if whoever asks may have it. */
  readonly managedPassword?: ((object: StoredObject) => Uint8Array | undefined) | undefined;
}

type Compute = (
  reader: DirectoryReader,
  object: StoredObject,
  options: EntryOptions,
) => readonly Uint8Array[];

/** Attributes that are made up when asked for; by lower-case name. */
const computed: Readonly<Record<string, Compute>> = {
  distinguishedname: (reader, object) => [utf8(reader.dnOf(object.id))],
  member: (reader, object) => dns(reader, reader.store.links("member", object.id)),
  memberof: (reader, object) => dns(reader, reader.store.backlinks("member", object.id)),
  canonicalname: (reader, object) => [utf8(canonicalName(reader.dnOf(object.id)))],
  createtimestamp: (_reader, object) => stored(object, "whencreated"),
  modifytimestamp: (_reader, object) => stored(object, "whenchanged"),
  structuralobjectclass: (_reader, object) =>
    (structuralClass(texts(object, "objectclass"))?.chain ?? []).map(utf8),
  hassubordinates: (reader, object) => [utf8(hasChildren(reader, object) ? "TRUE" : "FALSE")],
  subschemasubentry: (reader) => [utf8(`CN=Aggregate,CN=Schema,CN=Configuration,${reader.domain.dn}`)],
  ntsecuritydescriptor: (reader, object, { sdFlags }) => [
    descriptorParts(effectiveDescriptor(reader, object), sdFlags),
  ],
  primarygrouptoken: (_reader, object) => ridToken(object),
  tokengroups: (reader, object) => tokenGroups(reader, object),
  "msds-keyversionnumber": (_reader, object) =>
    object.attributes.has("useraccountcontrol") ? [pooledUtf8(String(kvnoOf(object)))] : [],
  "msds-managedpassword": (_reader, object, { managedPassword }) => {
    const blob = managedPassword?.(object);
    return blob === undefined ? [] : [blob];
  },
  "msds-principalname": (reader, object) =>
    accountValue(reader, object, (account) => `${reader.domain.netbiosName}\\${account.samAccountName}`),
  "msds-user-account-control-computed": (reader, object, { now }) =>
    accountValue(reader, object, (account) => {
      const state = accountState(account, reader.domain, now);
      const locked = state.locked ? UserAccountControl.lockout : 0;
      const expired =
        state.passwordExpired || state.mustChangePassword ? UserAccountControl.passwordExpired : 0;
      return String(locked | expired);
    }),
  "msds-userpasswordexpirytimecomputed": (reader, object) =>
    accountValue(reader, object, (account) => {
      const { maxAge } = reader.domain.passwords;
      if (
        (account.userAccountControl & UserAccountControl.dontExpirePassword) !== 0 ||
        maxAge === undefined
      ) {
        return "9223372036854775807";
      }
      return account.passwordLastSet === undefined ? "0" : toFiletime(account.passwordLastSet + maxAge);
    }),
};

const computedAttributes = Object.entries(computed);

/** Computed for those alone who name them: expensive, or secret to most. */
const onlyByName: ReadonlySet<string> = new Set(["tokengroups", "msds-managedpassword"]);

/** Computed, but part of `*`. */
const computedByDefault: readonly string[] = ["distinguishedname", "member", "memberof"];

/** An object as an LDAP entry with at least the wanted attributes. Secrets are never among them. */
export function entryFromObject(
  reader: DirectoryReader,
  object: StoredObject,
  options: EntryOptions,
): EntryData {
  const { wanted } = options;
  const everything = wanted.size === 0 || wanted.has("*");
  const operational = wanted.has("+");
  const attributes: LdapAttribute[] = [];
  for (const [name, values] of object.attributes) {
    if (name in computed || name === unreadableAttribute) continue;
    const type = attributeType(name);
    if (type?.secret === true) continue;
    const isOperational = type?.operational === true;
    if (wanted.has(name) || (isOperational ? operational : everything)) {
      attributes.push({ type: type?.name ?? name, values: values.map(toLdapValue) });
    }
  }
  for (const [name, compute] of computedAttributes) {
    const asked = wanted.has(name) || (everything && computedByDefault.includes(name));
    if (!asked && !(operational && attributeType(name)?.operational === true && !onlyByName.has(name)))
      continue;
    const values = compute(reader, object, options);
    if (values.length > 0) attributes.push({ type: attributeName(name), values });
  }
  return { dn: reader.dnOf(object.id), attributes };
}

function dns(reader: DirectoryReader, ids: Iterable<number>): Uint8Array[] {
  return Array.from(ids, (id) => pooledUtf8(reader.dnOf(id)));
}

function stored(object: StoredObject, name: string): Uint8Array[] {
  return (object.attributes.get(name) ?? []).map(toLdapValue);
}

function accountValue(
  reader: DirectoryReader,
  object: StoredObject,
  value: (account: NonNullable<ReturnType<DirectoryReader["accountOf"]>>) => string,
): Uint8Array[] {
  const account = reader.accountOf(object.id);
  return account === undefined ? [] : [utf8(value(account))];
}

function tokenGroups(reader: DirectoryReader, object: StoredObject): Uint8Array[] {
  const account = reader.accountOf(object.id);
  return account === undefined ? [] : reader.groupsOf(account).map((group) => encodeSid(group.sid));
}

function ridToken(object: StoredObject): Uint8Array[] {
  const sid = object.attributes.get("objectsid")?.[0];
  if (firstText(object, "grouptype") === undefined || !(sid instanceof Uint8Array) || sid.length < 12)
    return [];
  return [utf8(String(new DataView(sid.buffer, sid.byteOffset + sid.length - 4, 4).getUint32(0, true)))];
}

function hasChildren(reader: DirectoryReader, object: StoredObject): boolean {
  for (const _ of reader.store.children(object.id)) return true;
  return false;
}

/** `lab.test/Users/alice` for `CN=alice,CN=Users,DC=lab,DC=test`. */
function canonicalName(dn: string): string {
  const parts = dn.split(/(?<!\\),/).map((part) => rdnParts(part));
  const domain = parts.filter(({ type }) => type.toUpperCase() === "DC").map(({ value }) => value);
  const path = parts
    .filter(({ type }) => type.toUpperCase() !== "DC")
    .map(({ value }) => value.replaceAll("/", "\\/"));
  return [domain.join("."), ...path.reverse()].join("/") + (path.length === 0 ? "/" : "");
}

function descriptorParts(descriptor: SecurityDescriptor, flags: number): Uint8Array {
  const { owner, group, dacl, sacl } = descriptor;
  const { daclPresent, saclPresent } = SecurityDescriptorControl;
  return encodeSecurityDescriptor({
    control: descriptor.control & ~(daclPresent | saclPresent),
    owner: (flags & 1) === 0 ? undefined : owner,
    group: (flags & 2) === 0 ? undefined : group,
    dacl: (flags & 4) === 0 ? undefined : dacl,
    sacl: (flags & 8) === 0 ? undefined : sacl,
  });
}
