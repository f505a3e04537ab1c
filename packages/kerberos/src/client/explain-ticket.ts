import type { Explanation } from "../errors.ts";
import type { KrbError } from "../messages/error.ts";
import type { Principal } from "../principal.ts";
import { ErrorCode } from "../registry/error-code.ts";
import { shown } from "./context.ts";
import type { Credential } from "./credential.ts";

/** What can be said about a refused service ticket. */
export function explainTicket(tgt: Credential, server: Principal) {
  return (error: KrbError): Explanation | undefined => {
    const causes = causesByCode.get(error.errorCode)?.(shown(server));
    if (causes === undefined) return undefined;
    return { known: [`${shown(tgt.client)} asked for a ticket to ${shown(server)}.`], causes };
  };
}

/** Also true for the target of a constrained delegation. */
export const causesByCode: ReadonlyMap<number, (server: string) => Explanation["causes"]> = new Map([
  [
    ErrorCode.KDC_ERR_S_PRINCIPAL_UNKNOWN,
    (server: string) => [
      {
        cause: `No account has the service principal name ${server}.`,
        remedy: "Register the name on the account the service runs as (setspn -S, samba-tool spn add).",
      },
      {
        cause: "Two accounts have it: an ambiguous name is treated as unknown.",
        remedy: "Find both (setspn -X) and take it from the wrong one.",
      },
      {
        cause: "The host is named differently from how it is registered.",
        remedy: "Use the fully qualified name.",
      },
    ],
  ],
  [
    ErrorCode.KDC_ERR_ETYPE_NOSUPP,
    (server: string) => [
      {
        cause: `The account of ${server} has no key of a type both sides allow.`,
        remedy: "Set msDS-SupportedEncryptionTypes to AES (24) and the account's password once.",
      },
    ],
  ],
  [
    ErrorCode.KRB_AP_ERR_TKT_EXPIRED,
    () => [{ cause: "The ticket-granting ticket has expired.", remedy: "Log in again." }],
  ],
  [
    ErrorCode.KRB_AP_ERR_SKEW,
    () => [
      {
        cause: "The clocks of this machine and the KDC differ.",
        remedy: "Synchronize both with the same source.",
      },
    ],
  ],
  [
    ErrorCode.KDC_ERR_TGT_REVOKED,
    () => [
      {
        cause: "The ticket-granting ticket is no longer accepted: its account changed, or it has no PAC.",
        remedy: "Log in again.",
      },
    ],
  ],
]);
