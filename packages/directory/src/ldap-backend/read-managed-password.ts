import type { EpochMs } from "@waybill/base";
import { LdapError } from "@waybill/ldap";
import {
  managedPasswordAttribute,
  managedPasswordDue,
  rollManagedPassword,
} from "../editor/managed-password.ts";
import type { Requester } from "../rights/requester.ts";
import { accessCheck } from "../security/access-check.ts";
import { AccessMask, decodeSecurityDescriptor } from "../security/security-descriptor.ts";
import { firstBytes, type StoredObject } from "../store/stored-object.ts";
import type { WritableDirectory } from "../writable-directory.ts";
import { encodeManagedPasswordBlob } from "./managed-password-blob.ts";

export interface ManagedPasswordReader {
  readonly directory: WritableDirectory;
  readonly requester: Requester;
  readonly confidential: boolean;
  readonly now: EpochMs;
}

/**
 * msDS-ManagedPassword of a group managed service account, for those whom msDS-GroupMSAMembership lets read it: MS-ADTS
 * section 3.1.1.4.4. A password that is due is changed first.
 *
 * @returns `undefined` for other objects and other people
 * @throws LdapError confidentialityRequired on a connection that is not encrypted
 */
export function readManagedPassword(
  object: StoredObject,
  { directory, requester, confidential, now }: ManagedPasswordReader,
): Uint8Array | undefined {
  const readers = firstBytes(object, "msds-groupmsamembership");
  if (!object.attributes.has(managedPasswordAttribute) || readers === undefined) return undefined;
  if (!accessCheck(decodeSecurityDescriptor(readers), requester.sids, AccessMask.readProperty))
    return undefined;
  if (!confidential) {
    throw new LdapError({
      resultCode: "confidentialityRequired",
      diagnosticMessage: "00002077: managed passwords are read on encrypted connections only",
    });
  }
  const held =
    managedPasswordDue(object) > now
      ? object
      : directory.change((editor) => rollManagedPassword(editor, editor.store.object(object.id) ?? object));
  const [current, previous] = held.attributes.get(managedPasswordAttribute) ?? [];
  if (!(current instanceof Uint8Array)) return undefined;
  return encodeManagedPasswordBlob({
    current,
    previous: previous instanceof Uint8Array ? previous : undefined,
    changesIn: managedPasswordDue(held) - now,
  });
}
