import type { Explanation } from "../errors.ts";
import type { KrbError } from "../messages/error.ts";
import type { Principal } from "../principal.ts";
import { ErrorCode } from "../registry/error-code.ts";
import { shown } from "./shown.ts";

/** What can be said about a refused login. */
export function explainLogin(error: KrbError, client: Principal): Explanation | undefined {
  const causes = causesByCode.get(error.errorCode);
  if (causes === undefined) return undefined;
  return { known: [`${shown(client)} asked for a ticket-granting ticket.`], causes };
}

const causesByCode: ReadonlyMap<number, Explanation["causes"]> = new Map([
  [
    ErrorCode.KDC_ERR_C_PRINCIPAL_UNKNOWN,
    [
      {
        cause: "No account has this name.",
        remedy: "Check the spelling; a computer account's name ends in $.",
      },
      {
        cause: "The name is a user principal name with another suffix than the realm.",
        remedy: "Log in with an enterprise name, which the KDC looks up.",
      },
    ],
  ],
  [
    ErrorCode.KDC_ERR_PREAUTH_FAILED,
    [
      {
        cause: "The password is wrong.",
        remedy: "Type it again; mind that repeated failures lock the account.",
      },
      {
        cause: "The keytab is older than the account's password.",
        remedy: "Export a new keytab; compare its key version with the account's.",
      },
      {
        cause: "The account was renamed after the keytab was made, so that the key's salt differs.",
        remedy: "Export a new keytab.",
      },
    ],
  ],
  [
    ErrorCode.KDC_ERR_CLIENT_REVOKED,
    [
      { cause: "The account is disabled.", remedy: "Enable the account." },
      {
        cause: "The account is locked after wrong passwords.",
        remedy: "Unlock it or wait for the lock to end.",
      },
      { cause: "The account may not log on at this hour.", remedy: "Change the account's logon hours." },
    ],
  ],
  [
    ErrorCode.KDC_ERR_KEY_EXPIRED,
    [{ cause: "The password has expired or must be changed.", remedy: "Change the password, then log in." }],
  ],
  [
    ErrorCode.KDC_ERR_ETYPE_NOSUPP,
    [
      {
        cause:
          "The account has no key of an encryption type that was asked for; only AES is asked for by default.",
        remedy: "Set the account's password once so that AES keys are made, or allow RC4 for this login.",
      },
    ],
  ],
  [
    ErrorCode.KRB_AP_ERR_SKEW,
    [
      {
        cause: "The clocks of this machine and the KDC differ.",
        remedy: "Synchronize both with the same source.",
      },
    ],
  ],
]);
