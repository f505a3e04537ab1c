import { emptyBytes } from "@waybill/base";
import { EncType, SupportedEncTypes } from "@waybill/kerberos";
import { type EntryData, LdapError } from "@waybill/ldap";
import { passwordKeySet, randomKeySet, usualKeyTypes } from "../editor/account-keys.ts";
import { type DirectoryEditor, groupTypeOf } from "../editor/directory-editor.ts";
import {
  managedPasswordAttribute,
  managedPasswordText,
  newManagedPassword,
} from "../editor/managed-password.ts";
import { assertNameFree, assertSpnFree, assertUpnFree } from "../editor/name-checks.ts";
import { checkNewPassword } from "../editor/password-policy.ts";
import { DirectoryError } from "../errors.ts";
import { UserAccountControl } from "../model/user-account-control.ts";
import { splitDn } from "../names/dn.ts";
import { toFiletime } from "../names/filetime.ts";
import { GroupType } from "../reader/account-from-object.ts";
import { checkDelegationChange, checkOwnHostName, checkOwnSpns } from "../rights/account-rules.ts";
import { ObjectRights } from "../rights/object-rights.ts";
import { holdsPrivilege } from "../rights/requester.ts";
import { attributeName, attributeType } from "../schema/attributes.ts";
import { type ObjectClass, structuralClass } from "../schema/object-classes.ts";
import { encodeSid } from "../security/sid.ts";
import { type AttributeValue, type StoredKeySet, type StoredObject, texts } from "../store/stored-object.ts";
import { accountTypeOf, checkUserAccountControl } from "./attribute-rules.ts";
import { decodeUnicodePwd } from "./ldap-password.ts";
import { fromLdapValue } from "./ldap-values.ts";
import type { ModifyContext } from "./modify-context.ts";

/** Attributes somebody may set who joins a computer on the strength of the machine account quota alone. */
const joinAttributes: ReadonlySet<string> = new Set([
  "objectclass",
  "cn",
  "samaccountname",
  "useraccountcontrol",
  "dnshostname",
  "serviceprincipalname",
  "unicodepwd",
  "description",
  "operatingsystem",
  "operatingsystemversion",
  "operatingsystemservicepack",
  "msds-supportedencryptiontypes",
  "name",
  "objectcategory",
  "displayname",
]);

const groupManaged = "msDS-GroupManagedServiceAccount";

type Attributes = Map<string, AttributeValue[]>;

/** Carries out an add request inside a transaction. @throws DirectoryError, LdapError */
export function addObject(editor: DirectoryEditor, entry: EntryData, context: ModifyContext): void {
  const { reader } = editor;
  const attributes = readAttributes(entry);
  const type = structuralClass(textsOf(attributes, "objectclass"));
  if (type === undefined) {
    throw new DirectoryError(
      `no known class among ${textsOf(attributes, "objectclass").join(", ") || "none"}`,
      {
        code: "OBJECT_CLASS_VIOLATION",
        family: "caller",
      },
    );
  }
  const [rdn] = splitDn(entry.dn);
  const naming = rdn?.[0];
  if (naming === undefined || naming.type.toUpperCase() !== type.rdn) {
    throw new LdapError({
      resultCode: "namingViolation",
      diagnosticMessage: `00002073: ${type.name} is named by ${type.rdn}`,
    });
  }
  const parentDn = entry.dn.slice(parentStart(entry.dn));
  const parent = editor.require(parentDn);
  const byQuota = checkCreate(editor, parent, type, attributes, context);
  const passwordValue = attributes.get("unicodepwd")?.[0] ?? attributes.get("userpassword")?.[0];
  attributes.delete("unicodepwd");
  attributes.delete("userpassword");
  const members = attributes.get("member") ?? [];
  attributes.delete("member");
  for (const name of attributes.keys()) {
    const attribute = attributeType(name);
    if (
      (attribute?.system === true && name !== "name" && name !== "distinguishedname") ||
      attribute?.secret === true
    ) {
      throw new DirectoryError(`${attributeName(name)} is kept by the directory`, {
        code: "READ_ONLY_ATTRIBUTE",
        family: "caller",
      });
    }
  }
  attributes.delete("distinguishedname");
  let keySets: StoredKeySet[] | undefined;
  if (type.principal) {
    completePrincipal(editor, type, attributes, naming.value);
    if (type.name !== "group") {
      const password = passwordValue === undefined ? undefined : readPassword(passwordValue, context);
      keySets = keysFor(editor, attributes, type, password);
    }
  }
  if (byQuota) attributes.set("msds-creatorsid", [encodeSid(context.requester.account.sid)]);
  const object = editor.add(entry.dn, Object.fromEntries(attributes), keySets);
  if (byQuota) checkJoin(editor, object);
  checkDelegationChange(reader, context.requester, undefined, object);
  for (const member of members) editor.store.link("member", object.id, editor.require(String(member)).id);
}

function readAttributes(entry: EntryData): Attributes {
  const attributes: Attributes = new Map();
  for (const { type, values } of entry.attributes) {
    const name = type.toLowerCase();
    if (!/^[a-z][a-z0-9-]*$/.test(name)) {
      throw new LdapError({
        resultCode: "undefinedAttributeType",
        diagnosticMessage: `0000200C: ${type.slice(0, 60)}`,
      });
    }
    const read = values.map((value) =>
      name === "userpassword" ? new Uint8Array(value) : fromLdapValue(name, value),
    );
    attributes.set(name, [...(attributes.get(name) ?? []), ...read]);
    if ((attributes.get(name)?.length ?? 0) > 1 && attributeType(name)?.single === true) {
      throw new DirectoryError(`${attributeName(name)} holds only one value`, {
        code: "SINGLE_VALUED",
        family: "caller",
      });
    }
  }
  return attributes;
}

/** @returns whether only the machine account quota allows it */
function checkCreate(
  editor: DirectoryEditor,
  parent: StoredObject,
  type: ObjectClass,
  attributes: Attributes,
  { requester }: ModifyContext,
): boolean {
  const { reader } = editor;
  const rights = new ObjectRights(reader, parent, requester);
  if (rights.mayCreate(type.name)) return false;
  if (type.name !== "computer" || !holdsPrivilege(reader, requester, "SeMachineAccountPrivilege")) {
    throw rights.denied(`create a ${type.name} in`);
  }
  for (const name of attributes.keys())
    if (!joinAttributes.has(name)) throw rights.denied(`set ${attributeName(name)} of a new computer in`);
  const creator = requester.account.sid;
  let made = 0;
  for (const id of reader.store.find("msds-creatorsid", creator))
    made += reader.store.object(id) === undefined ? 0 : 1;
  const quota = reader.domain.machineAccountQuota;
  if (made >= quota) {
    throw new DirectoryError(
      `${requester.account.samAccountName} has added ${made} computers, and may add ${quota}`,
      {
        code: "QUOTA_EXCEEDED",
        family: "caller",
        facts: { made, quota },
        remedy: "Have an administrator add the computer or raise ms-DS-MachineAccountQuota.",
      },
    );
  }
  return true;
}

function checkJoin(editor: DirectoryEditor, object: StoredObject): void {
  const [host] = texts(object, "dnshostname");
  if (host !== undefined) checkOwnHostName(editor.reader, object, host);
  checkOwnSpns(editor.reader, object, texts(object, "serviceprincipalname"));
}

/** Name, SID, type, group and the other attributes every principal has. */
function completePrincipal(
  editor: DirectoryEditor,
  type: ObjectClass,
  attributes: Attributes,
  cn: string,
): void {
  const { reader } = editor;
  const isComputer = type.chain.includes("computer");
  const isGroup = type.name === "group";
  const sam = textsOf(attributes, "samaccountname")[0] ?? (isComputer ? `${cn}$` : cn);
  assertNameFree(reader, sam);
  attributes.set("samaccountname", [sam]);
  for (const spn of textsOf(attributes, "serviceprincipalname")) assertSpnFree(reader, spn, undefined);
  for (const upn of textsOf(attributes, "userprincipalname")) assertUpnFree(reader, upn, undefined);
  const fallback = (name: string, value: string): void => {
    if (!attributes.has(name)) attributes.set(name, [value]);
  };
  attributes.set("objectsid", [editor.newSid()]);
  if (isGroup) {
    const groupType = Number(textsOf(attributes, "grouptype")[0] ?? groupTypeOf("global")) | 0;
    attributes.set("grouptype", [String(groupType)]);
    const security = (groupType & GroupType.security) !== 0;
    const local = (groupType & GroupType.domainLocal) !== 0;
    attributes.set("samaccounttype", [String((local ? 0x20000000 : 0x10000000) + (security ? 0 : 1))]);
    return;
  }
  const { accountDisable, passwordNotRequired, normalAccount, workstationTrustAccount } = UserAccountControl;
  const initial = isComputer ? workstationTrustAccount : normalAccount | accountDisable | passwordNotRequired;
  const bits = checkUserAccountControl(textsOf(attributes, "useraccountcontrol")[0] ?? String(initial));
  attributes.set("useraccountcontrol", [bits]);
  attributes.set("samaccounttype", [accountTypeOf(Number(bits))]);
  const isController = (Number(bits) & UserAccountControl.serverTrustAccount) !== 0;
  fallback("primarygroupid", isController ? "516" : isComputer ? "515" : "513");
  fallback("accountexpires", "9223372036854775807");
  for (const name of [
    "badpwdcount",
    "badpasswordtime",
    "logoncount",
    "lastlogon",
    "lastlogoff",
    "codepage",
    "countrycode",
  ]) {
    fallback(name, "0");
  }
  const pwdLastSet = textsOf(attributes, "pwdlastset")[0];
  if (pwdLastSet !== undefined && pwdLastSet !== "0" && pwdLastSet !== "-1") {
    throw new DirectoryError("pwdLastSet takes 0 (must change) and -1 (now) only", {
      code: "BAD_VALUE",
      family: "caller",
    });
  }
}

function readPassword(value: AttributeValue, context: ModifyContext): string {
  if (!context.confidential) {
    throw new LdapError({
      resultCode: "unwillingToPerform",
      diagnosticMessage:
        "0000001F: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0: passwords are set on encrypted connections only",
    });
  }
  if (typeof value === "string") return value;
  return decodeUnicodePwd(value);
}

function keysFor(
  editor: DirectoryEditor,
  attributes: Attributes,
  type: ObjectClass,
  password: string | undefined,
): StoredKeySet[] | undefined {
  const now = editor.clock.now();
  const computer = type.chain.includes("computer");
  const mustChange = textsOf(attributes, "pwdlastset")[0] === "0";
  attributes.set("pwdlastset", [password === undefined || mustChange ? "0" : toFiletime(now)]);
  // rc4-hmac is for accounts that name it in so many words (CVE-2026-20833).
  const [supported = "0"] = textsOf(attributes, "msds-supportedencryptiontypes");
  const rc4 = (Number(supported) & SupportedEncTypes.rc4Hmac) !== 0;
  const keytypes = rc4 ? [...usualKeyTypes, EncType.rc4Hmac] : usualKeyTypes;
  const generation = { kvno: 1, setAt: now, keytypes };
  if (password === undefined && !type.name.startsWith("msDS-")) return undefined;
  if (password === undefined && type.name !== groupManaged) return [randomKeySet(editor.random, generation)];
  const managed = password === undefined ? newManagedPassword(editor.random) : undefined;
  if (managed !== undefined) {
    attributes.set(managedPasswordAttribute, [managed]);
    attributes.set("pwdlastset", [toFiletime(now)]);
  }
  const [samAccountName = ""] = textsOf(attributes, "samaccountname");
  const [userPrincipalName] = textsOf(attributes, "userprincipalname");
  const { domain } = editor.reader;
  if (!computer && password !== undefined) {
    checkNewPassword(domain, { samAccountName, keySets: [] }, password);
  }
  return [
    passwordKeySet(
      password ?? managedPasswordText(managed ?? emptyBytes),
      { realm: domain.realm, samAccountName, userPrincipalName, computer },
      generation,
      editor.lazyKeys,
    ),
  ];
}

function textsOf(attributes: Attributes, name: string): string[] {
  return (attributes.get(name) ?? []).filter((value): value is string => typeof value === "string");
}

function parentStart(dn: string): number {
  for (let at = 0; at < dn.length; at++) {
    if (dn[at] === "\\") at++;
    else if (dn[at] === "," || dn[at] === ";") return at + 1;
  }
  return dn.length;
}
