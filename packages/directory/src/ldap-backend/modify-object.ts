import { equalBytes } from "@waybill/base";
import { type AttributeChange, LdapError } from "@waybill/ldap";
import type { DirectoryEditor } from "../editor/directory-editor.ts";
import { assertNameFree, assertSpnFree, assertUpnFree } from "../editor/name-checks.ts";
import { checkNewPassword, verifyPassword } from "../editor/password-policy.ts";
import { DirectoryError } from "../errors.ts";
import { UserAccountControl } from "../model/user-account-control.ts";
import { rdnParts } from "../names/dn.ts";
import { toFiletime } from "../names/filetime.ts";
import { checkDelegationChange, checkOwnHostName, checkOwnSpns } from "../rights/account-rules.ts";
import { effectiveDescriptor, ObjectRights } from "../rights/object-rights.ts";
import type { Requester } from "../rights/requester.ts";
import { attributeName, attributeType } from "../schema/attributes.ts";
import { decodeSecurityDescriptor, encodeSecurityDescriptor } from "../security/security-descriptor.ts";
import { type AttributeValue, firstText, type StoredObject, texts } from "../store/stored-object.ts";
import { decodeUnicodePwd } from "./ldap-password.ts";
import { filterSyntaxOf, fromLdapValue } from "./ldap-values.ts";

export interface ModifyContext {
  readonly requester: Requester;
  readonly permissive: boolean;
  /** The connection is encrypted, so that passwords may be set. */
  readonly confidential: boolean;
  readonly sdFlags: number;
}

/** Applies a modify request inside a transaction: rights, rules and form. @throws DirectoryError, LdapError */
export function modifyObject(
  editor: DirectoryEditor,
  before: StoredObject,
  changes: readonly AttributeChange[],
  context: ModifyContext,
): void {
  const rights = new ObjectRights(editor.reader, before, context.requester);
  changePassword(editor, before, changes, context, rights);
  const attributes = new Map(before.attributes);
  const links = changes.filter((change) => change.type.toLowerCase() === "member");
  const touched = new Set<string>();
  for (const change of changes) {
    const name = change.type.toLowerCase();
    if (name === "unicodepwd" || name === "userpassword" || name === "member") continue;
    checkWritable(before, name);
    touched.add(name);
    const values = applyChange(attributes.get(name) ?? [], name, change, context.permissive);
    if (values.length === 0) attributes.delete(name);
    else attributes.set(name, values);
  }
  for (const change of links) modifyMembers(editor, before, change, context, rights);
  if (touched.size === 0) return;
  for (const name of touched) checkRight(editor, before, attributes, name, rights);
  if (touched.has("ntsecuritydescriptor")) mergeDescriptor(editor, before, attributes, context.sdFlags);
  applyRules(editor, before, attributes, touched);
  // A password set above is already part of the stored object.
  const current = editor.store.object(before.id) ?? before;
  const after = { ...current, attributes: mergeUntouched(current, before, attributes, touched) };
  checkDelegationChange(editor.reader, context.requester, before, after);
  editor.set(after, {});
}

/** Takes only what the request touched, so that side effects of a password change stay. */
function mergeUntouched(
  current: StoredObject,
  before: StoredObject,
  changed: ReadonlyMap<string, readonly AttributeValue[]>,
  touched: ReadonlySet<string>,
): Map<string, readonly AttributeValue[]> {
  const merged = new Map(current.attributes);
  for (const [name, values] of changed) {
    if (touched.has(name) || before.attributes.get(name) !== values) merged.set(name, values);
  }
  for (const name of touched) if (!changed.has(name)) merged.delete(name);
  return merged;
}

function checkWritable(object: StoredObject, name: string): void {
  const type = attributeType(name);
  if (!/^[a-z][a-z0-9-]*$/.test(name)) {
    throw new LdapError({ resultCode: "undefinedAttributeType", diagnosticMessage: `0000200C: ${name}` });
  }
  const naming = rdnParts(object.rdn).type.toLowerCase();
  if (name === naming)
    throw new LdapError({ resultCode: "notAllowedOnRDN", diagnosticMessage: "000020B1: rename the object" });
  if (name === "objectclass") throw new LdapError({ resultCode: "objectClassModsProhibited" });
  if (type?.system === true || type?.secret === true || name === "distinguishedname") {
    throw new DirectoryError(`${attributeName(name)} is kept by the directory`, {
      code: "READ_ONLY_ATTRIBUTE",
      family: "caller",
    });
  }
}

function applyChange(
  current: readonly AttributeValue[],
  name: string,
  change: AttributeChange,
  permissive: boolean,
): readonly AttributeValue[] {
  const values = change.values.map((value) => fromLdapValue(name, value));
  const present = (value: AttributeValue): boolean => current.some((other) => sameValue(name, other, value));
  let result: readonly AttributeValue[];
  if (change.operation === "replace") {
    result = values;
  } else if (change.operation === "add") {
    const twice = values.find(present);
    if (twice !== undefined && !permissive) throw valueError("VALUE_EXISTS", name, "is there already");
    result = [...current, ...values.filter((value) => !present(value))];
  } else if (values.length === 0) {
    if (current.length === 0 && !permissive) throw valueError("NO_SUCH_ATTRIBUTE", name, "is not there");
    result = [];
  } else {
    const missing = values.find((value) => !present(value));
    if (missing !== undefined && !permissive) throw valueError("NO_SUCH_VALUE", name, "has no such value");
    result = current.filter((value) => !values.some((gone) => sameValue(name, gone, value)));
  }
  if (result.length > 1 && attributeType(name)?.single === true) {
    throw valueError("SINGLE_VALUED", name, "holds only one value");
  }
  return result;
}

function sameValue(name: string, left: AttributeValue, right: AttributeValue): boolean {
  if (typeof left === "string" && typeof right === "string") {
    const exact = filterSyntaxOf(name) === "caseExact";
    return exact ? left === right : left.toLowerCase() === right.toLowerCase();
  }
  return typeof left !== "string" && typeof right !== "string" && equalBytes(left, right);
}

function valueError(
  code: "VALUE_EXISTS" | "NO_SUCH_ATTRIBUTE" | "NO_SUCH_VALUE" | "SINGLE_VALUED",
  name: string,
  what: string,
): DirectoryError {
  return new DirectoryError(`${attributeName(name)} ${what}`, {
    code,
    family: "caller",
    facts: { attribute: name },
  });
}

function checkRight(
  editor: DirectoryEditor,
  before: StoredObject,
  attributes: ReadonlyMap<string, readonly AttributeValue[]>,
  name: string,
  rights: ObjectRights,
): void {
  if (name === "ntsecuritydescriptor") {
    if (!rights.mayWriteDescriptor()) throw rights.denied("change the security descriptor of");
    return;
  }
  if (rights.mayWrite(name)) return;
  const validated = name === "serviceprincipalname" || name === "dnshostname";
  if (!validated || !rights.mayWriteValidated(name)) {
    rights.requireWrite(name);
    return;
  }
  const after = { ...before, attributes };
  if (name === "dnshostname") {
    checkOwnHostName(editor.reader, after, firstText(after, name) ?? "");
    return;
  }
  const old = new Set(texts(before, name).map((spn) => spn.toLowerCase()));
  checkOwnSpns(
    editor.reader,
    after,
    texts(after, name).filter((spn) => !old.has(spn.toLowerCase())),
  );
}

/** What attributes mean beyond their syntax. May correct values. */
function applyRules(
  editor: DirectoryEditor,
  before: StoredObject,
  attributes: Map<string, readonly AttributeValue[]>,
  touched: ReadonlySet<string>,
): void {
  const { reader } = editor;
  const text = (name: string): string | undefined => {
    const value = attributes.get(name)?.[0];
    return typeof value === "string" ? value : undefined;
  };
  if (touched.has("serviceprincipalname")) {
    for (const spn of attributes.get("serviceprincipalname") ?? []) {
      if (typeof spn === "string") assertSpnFree(reader, spn, before.id);
    }
  }
  const upn = text("userprincipalname");
  if (touched.has("userprincipalname") && upn !== undefined) assertUpnFree(reader, upn, before.id);
  if (touched.has("samaccountname")) assertNameFree(reader, text("samaccountname") ?? "", before.id);
  if (touched.has("useraccountcontrol")) {
    attributes.set("useraccountcontrol", [checkUserAccountControl(text("useraccountcontrol"))]);
    attributes.set("samaccounttype", [accountTypeOf(Number(text("useraccountcontrol")))]);
  }
  if (touched.has("pwdlastset")) {
    const value = text("pwdlastset");
    if (value !== "0" && value !== "-1")
      throw ruleError("pwdLastSet", "takes 0 (must change) and -1 (now) only");
    if (value === "-1") attributes.set("pwdlastset", [toFiletime(editor.clock.now())]);
  }
  if (touched.has("lockouttime") && text("lockouttime") !== undefined) {
    if (text("lockouttime") !== "0") throw ruleError("lockoutTime", "takes 0 only");
    attributes.delete("lockouttime");
    attributes.set("badpwdcount", ["0"]);
  }
  const actors = attributes.get("msds-allowedtoactonbehalfofotheridentity")?.[0];
  if (touched.has("msds-allowedtoactonbehalfofotheridentity") && actors instanceof Uint8Array) {
    decodeSecurityDescriptor(actors);
  }
}

/** The account's type and known bits; LOCKOUT and PASSWORD_EXPIRED are computed and not stored. */
export function checkUserAccountControl(text: string | undefined): string {
  const types =
    UserAccountControl.normalAccount |
    UserAccountControl.workstationTrustAccount |
    UserAccountControl.serverTrustAccount |
    UserAccountControl.interdomainTrustAccount;
  const bits = Number(text) & ~(UserAccountControl.lockout | UserAccountControl.passwordExpired);
  const type = bits & types;
  if (text === undefined || (type & (type - 1)) !== 0)
    throw ruleError("userAccountControl", "names no account type, or several");
  return String(type === 0 ? bits | UserAccountControl.normalAccount : bits);
}

/** sAMAccountType of an account: MS-ADTS section 2.2.16. */
export function accountTypeOf(userAccountControl: number): string {
  const machine = UserAccountControl.workstationTrustAccount | UserAccountControl.serverTrustAccount;
  if ((userAccountControl & machine) !== 0) return "805306369";
  return (userAccountControl & UserAccountControl.interdomainTrustAccount) !== 0 ? "805306370" : "805306368";
}

function ruleError(attribute: string, what: string): DirectoryError {
  return new DirectoryError(`${attribute} ${what}`, {
    code: "BAD_VALUE",
    family: "caller",
    facts: { attribute },
  });
}

function modifyMembers(
  editor: DirectoryEditor,
  group: StoredObject,
  change: AttributeChange,
  { permissive }: ModifyContext,
  rights: ObjectRights,
): void {
  rights.requireWrite("member");
  if (firstText(group, "grouptype") === undefined) {
    throw new DirectoryError("only groups have members", {
      code: "OBJECT_CLASS_VIOLATION",
      family: "caller",
    });
  }
  const targets = change.values.map((value) => editor.require(String(fromLdapValue("member", value))).id);
  const { store } = editor;
  if (change.operation === "replace" || (change.operation === "delete" && targets.length === 0)) {
    for (const old of Array.from(store.links("member", group.id))) store.unlink("member", group.id, old);
  }
  for (const target of targets) {
    const present = store.hasLink("member", group.id, target);
    if (change.operation === "delete") {
      if (!present && !permissive) throw valueError("NO_SUCH_VALUE", "member", "has no such value");
      store.unlink("member", group.id, target);
    } else {
      if (present && !permissive) throw valueError("VALUE_EXISTS", "member", "is there already");
      store.link("member", group.id, target);
    }
  }
}

/** unicodePwd: a replace is a reset, a delete together with an add a change by the owner. */
function changePassword(
  editor: DirectoryEditor,
  object: StoredObject,
  changes: readonly AttributeChange[],
  context: ModifyContext,
  rights: ObjectRights,
): void {
  const own = changes.filter(({ type }) => ["unicodepwd", "userpassword"].includes(type.toLowerCase()));
  if (own.length === 0) return;
  if (!context.confidential) {
    throw new LdapError({
      resultCode: "unwillingToPerform",
      diagnosticMessage:
        "0000001F: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0: passwords are set on encrypted connections only",
    });
  }
  const decode = (change: AttributeChange): string => {
    const [value] = change.values;
    if (change.values.length !== 1 || value === undefined)
      throw ruleError(change.type, "takes exactly one value");
    if (change.type.toLowerCase() === "unicodepwd") return decodeUnicodePwd(value);
    return new TextDecoder().decode(value);
  };
  const account = editor.reader.accountOf(object.id);
  if (account === undefined) throw ruleError("unicodePwd", "belongs to accounts only");
  const removed = own.find((change) => change.operation === "delete");
  const added = own.find((change) => change.operation !== "delete");
  if (added === undefined) throw ruleError("unicodePwd", "cannot be removed");
  const password = decode(added);
  if (removed === undefined) {
    if (!rights.mayResetPassword()) throw rights.denied("reset the password of");
  } else {
    if (!rights.mayChangePassword()) throw rights.denied("change the password of");
    if (!verifyPassword(account, decode(removed))) {
      throw new LdapError({
        resultCode: "constraintViolation",
        diagnosticMessage: "00000056: AtrErr: DSID-03191083, #1: the old password is wrong",
      });
    }
  }
  if (account.kind === "user") checkNewPassword(editor.reader.domain, account, password);
  editor.setPassword(account.sid, password);
}

/** Replaces the parts of the descriptor that the SD flags control names. */
function mergeDescriptor(
  editor: DirectoryEditor,
  before: StoredObject,
  attributes: Map<string, readonly AttributeValue[]>,
  flags: number,
): void {
  const written = attributes.get("ntsecuritydescriptor")?.[0];
  if (!(written instanceof Uint8Array)) return;
  const old = effectiveDescriptor(editor.reader, before);
  const fresh = decodeSecurityDescriptor(written);
  const merged = encodeSecurityDescriptor({
    control: fresh.control,
    owner: (flags & 1) === 0 ? old.owner : (fresh.owner ?? old.owner),
    group: (flags & 2) === 0 ? old.group : (fresh.group ?? old.group),
    dacl: (flags & 4) === 0 ? old.dacl : (fresh.dacl ?? old.dacl),
    sacl: (flags & 8) === 0 ? old.sacl : (fresh.sacl ?? old.sacl),
  });
  attributes.set("ntsecuritydescriptor", [merged]);
}
