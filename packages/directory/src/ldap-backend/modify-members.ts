import type { AttributeChange } from "@waybill/ldap";
import type { DirectoryEditor } from "../editor/directory-editor.ts";
import { DirectoryError } from "../errors.ts";
import type { ObjectRights } from "../rights/object-rights.ts";
import { firstText, type StoredObject } from "../store/stored-object.ts";
import { valueError } from "./attribute-rules.ts";
import { fromLdapValue } from "./ldap-values.ts";
import type { ModifyContext } from "./modify-context.ts";

/** Adds, removes or replaces the members of a group. @throws DirectoryError */
export function modifyMembers(
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
