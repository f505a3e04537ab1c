import type { DirectoryEditor } from "../editor/directory-editor.ts";
import { assertNameFree, assertSpnFree, assertUpnFree } from "../editor/name-checks.ts";
import { DirectoryError } from "../errors.ts";
import { UserAccountControl } from "../model/user-account-control.ts";
import { toFiletime } from "../names/filetime.ts";
import { attributeName } from "../schema/attributes.ts";
import { decodeSecurityDescriptor } from "../security/security-descriptor.ts";
import type { AttributeValue, StoredObject } from "../store/stored-object.ts";

/** What attributes mean beyond their syntax. May correct values. */
export function applyRules(
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

/** A value that the attribute's meaning forbids. */
export function ruleError(attribute: string, what: string): DirectoryError {
  return new DirectoryError(`${attribute} ${what}`, {
    code: "BAD_VALUE",
    family: "caller",
    facts: { attribute },
  });
}

/** A change that does not fit the values that are there. */
export function valueError(
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
