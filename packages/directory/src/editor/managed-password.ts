import type { EpochMs, Random } from "@waybill/base";
import { fromFiletime, toFiletime } from "../names/filetime.ts";
import { firstInteger, firstText, type StoredObject } from "../store/stored-object.ts";
import { passwordKeySet } from "./account-keys.ts";
import type { DirectoryEditor } from "./directory-editor.ts";

/** Octets of a managed password: MS-ADTS section 2.2.19. */
const passwordLength = 256;
const keptGenerations = 3;
/** CJK Unified Ideographs, U+4E00 to U+9FA5. */
const firstIdeograph = 0x4e00;
const ideographs = 20_902;
const defaultInterval = 30;
const day = 24 * 60 * 60_000;

/** Where a group managed service account's passwords lie, the current one first; no search ever shows them. */
export const managedPasswordAttribute = "msds-managedpassword";

/**
 * A password nobody types: 128 UTF-16 code units, all of them ideographs, which are text in every encoding and stay what
 * they are under Unicode normalization. That is more than 1800 bits.
 */
export function newManagedPassword(random: Random): Uint8Array {
  const password = random.bytes(passwordLength);
  const view = new DataView(password.buffer, password.byteOffset, password.byteLength);
  for (let at = 0; at < passwordLength; at += 2) {
    view.setUint16(at, firstIdeograph + (view.getUint16(at, true) % ideographs), true);
  }
  return password;
}

/** The text that keys are made from. */
export function managedPasswordText(password: Uint8Array): string {
  return new TextDecoder("utf-16le", { ignoreBOM: true }).decode(password);
}

/** When the current password is to be replaced: msDS-ManagedPasswordInterval days after it was set. */
export function managedPasswordDue(object: StoredObject): EpochMs {
  const interval = firstInteger(object, "msds-managedpasswordinterval") ?? defaultInterval;
  return (fromFiletime(firstText(object, "pwdlastset")) ?? 0) + interval * day;
}

/** Gives the account its next password and keys; tickets in the old ones go on working. */
export function rollManagedPassword(editor: DirectoryEditor, object: StoredObject): StoredObject {
  const { kvno, samAccountName } = editor.account(editor.reader.dnOf(object.id));
  const now = editor.clock.now();
  const password = newManagedPassword(editor.random);
  const facts = { realm: editor.reader.domain.realm, samAccountName, computer: true };
  const keySet = passwordKeySet(managedPasswordText(password), facts, { kvno: kvno + 1, setAt: now });
  return editor.set(
    object,
    {
      [managedPasswordAttribute]: [
        password,
        ...(object.attributes.get(managedPasswordAttribute) ?? []).slice(0, 1),
      ],
      pwdLastSet: toFiletime(now),
    },
    [keySet, ...(object.keySets ?? [])].slice(0, keptGenerations),
  );
}
