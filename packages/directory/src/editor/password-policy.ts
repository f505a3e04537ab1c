import { equalSecrets } from "@waybill/base";
import { EncType, stringToKey } from "@waybill/kerberos";
import { DirectoryError } from "../errors.ts";
import type { Account } from "../model/account.ts";
import type { Domain } from "../model/domain.ts";
import { keyOfType } from "../model/keys.ts";

/** Whether a password is the account's, by deriving a key from it. */
export function verifyPassword(account: Pick<Account, "keySets">, password: string, generation = 0): boolean {
  const set = account.keySets[generation];
  const aes = set === undefined ? undefined : keyOfType(set, EncType.aes256CtsHmacSha1);
  if (aes?.salt !== undefined) {
    return equalSecrets(stringToKey(EncType.aes256CtsHmacSha1, password, aes.salt).keyvalue, aes.keyvalue);
  }
  const rc4 = set === undefined ? undefined : keyOfType(set, EncType.rc4Hmac);
  return rc4 !== undefined && equalSecrets(stringToKey(EncType.rc4Hmac, password, "").keyvalue, rc4.keyvalue);
}

const classes = [/\p{Lu}/u, /\p{Ll}/u, /\p{Nd}/u, /[^\p{L}\p{Nd}]/u];

/**
 * Length, complexity and history. Age is not looked at: an administrator may always set a password.
 *
 * @throws DirectoryError PASSWORD_POLICY
 */
export function checkNewPassword(
  domain: Domain,
  account: Pick<Account, "samAccountName" | "keySets">,
  password: string,
): void {
  const { minLength, complexity, historyLength } = domain.passwords;
  if (password.length < minLength) throw violates(`it has fewer than ${minLength} characters`);
  if (complexity) {
    const kinds = classes.filter((pattern) => pattern.test(password)).length;
    if (kinds < 3) throw violates("it mixes fewer than three kinds of characters");
    const name = account.samAccountName.toLowerCase().replace(/\$$/, "");
    if (name.length > 2 && password.toLowerCase().includes(name))
      throw violates("it contains the account's name");
  }
  const remembered = Math.min(historyLength, account.keySets.length);
  for (let generation = 0; generation < remembered; generation++) {
    if (verifyPassword(account, password, generation)) throw violates("it was used before");
  }
}

function violates(why: string): DirectoryError {
  return new DirectoryError(`the new password does not meet the domain's policy: ${why}`, {
    code: "PASSWORD_POLICY",
    family: "caller",
    remedy: "Choose another password.",
  });
}
