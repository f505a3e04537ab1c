import { type AttributeChange, LdapError } from "@waybill/ldap";
import type { DirectoryEditor } from "../editor/directory-editor.ts";
import { checkNewPassword, verifyPassword } from "../editor/password-policy.ts";
import type { ObjectRights } from "../rights/object-rights.ts";
import type { StoredObject } from "../store/stored-object.ts";
import { ruleError } from "./attribute-rules.ts";
import { decodeUnicodePwd } from "./ldap-password.ts";
import type { ModifyContext } from "./modify-context.ts";

/** unicodePwd: a replace is a reset, a delete together with an add a change by the owner. */
export function changePassword(
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
