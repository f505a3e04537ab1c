import { equalBytes } from "@waybill/base";
import { type AttributeChange, LdapError } from "@waybill/ldap";
import type { DirectoryEditor } from "../editor/directory-editor.ts";
import { DirectoryError } from "../errors.ts";
import { rdnParts } from "../names/dn.ts";
import { checkDelegationChange, checkOwnHostName, checkOwnSpns } from "../rights/account-rules.ts";
import { effectiveDescriptor, ObjectRights } from "../rights/object-rights.ts";
import { attributeName, attributeType } from "../schema/attributes.ts";
import { decodeSecurityDescriptor, encodeSecurityDescriptor } from "../security/security-descriptor.ts";
import { type AttributeValue, firstText, type StoredObject, texts } from "../store/stored-object.ts";
import { applyRules, valueError } from "./attribute-rules.ts";
import { changePassword } from "./change-password.ts";
import { filterSyntaxOf, fromLdapValue } from "./ldap-values.ts";
import type { ModifyContext } from "./modify-context.ts";
import { modifyMembers } from "./modify-members.ts";

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
