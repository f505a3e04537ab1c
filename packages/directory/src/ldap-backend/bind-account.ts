import { fromUtf8 } from "@waybill/base";
import { type BindRefusalName, invalidCredentials } from "@waybill/ldap";
import { verifyPassword } from "../editor/password-policy.ts";
import type { Account } from "../model/account.ts";
import { accountState } from "../model/account-state.ts";
import type { WritableDirectory } from "../writable-directory.ts";

/** The account a simple bind names: DN, UPN, `DOMAIN\name` or plain name. */
export function accountByBindName(directory: WritableDirectory, name: string): Account | undefined {
  const slash = name.indexOf("\\");
  if (slash > 0 && !name.includes("=")) {
    const { netbiosName, dnsName } = directory.domain;
    const domain = name.slice(0, slash).toLowerCase();
    return domain === netbiosName.toLowerCase() || domain === dnsName
      ? directory.bySam(name.slice(slash + 1))
      : undefined;
  }
  if (name.includes("=")) return directory.byDn(name);
  return name.includes("@") ? directory.byUpn(name) : directory.bySam(name);
}

/** Checks name and password, counts wrong ones and locks. @throws LdapError invalidCredentials with AD's reason */
export function bindAccount(
  directory: WritableDirectory,
  name: string,
  password: Uint8Array,
  now: number,
): Account {
  const account = accountByBindName(directory, name);
  if (account === undefined) throw invalidCredentials("wrongPassword");
  const { domain } = directory;
  const state = accountState(account, domain, now);
  if (state.locked) throw invalidCredentials("lockedOut");
  if (!verifyPassword(account, fromUtf8(password))) {
    // Without a threshold a wrong password costs no write, which anybody could cause.
    if (domain.lockout.threshold > 0) directory.recordLogonFailure(account.sid);
    throw invalidCredentials("wrongPassword");
  }
  const refusal = refusalOf(state);
  if (refusal !== undefined) throw invalidCredentials(refusal);
  if (account.badPasswordCount > 0) directory.recordLogonSuccess(account.sid);
  return account;
}

/** Why an account in this state may not bind, whatever its proof. */
export function refusalOf(state: ReturnType<typeof accountState>): BindRefusalName | undefined {
  if (state.disabled) return "accountDisabled";
  if (state.locked) return "lockedOut";
  if (state.expired) return "accountExpired";
  if (state.outsideLogonHours) return "logonHours";
  if (state.mustChangePassword) return "mustChangePassword";
  return state.passwordExpired ? "passwordExpired" : undefined;
}
