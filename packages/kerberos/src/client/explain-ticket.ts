import type { Explanation } from "../errors.ts";
import type { KrbError } from "../messages/error.ts";
import type { Principal } from "../principal.ts";
import { ErrorCode } from "../registry/error-code.ts";
import { TicketFlags } from "../registry/flags.ts";
import type { Credential } from "./credential.ts";
import { shown } from "./shown.ts";

/** What can be said about a refused service ticket. */
export function explainTicket(tgt: Credential, server: Principal) {
  return (error: KrbError): Explanation | undefined => {
    const causes = causesByCode.get(error.errorCode)?.(shown(server));
    if (causes === undefined) return undefined;
    return { known: [`${shown(tgt.client)} asked for a ticket to ${shown(server)}.`], causes };
  };
}

/** Why a ticket was not given a new life. */
export function explainRenewal({ client, server, flags, renewTill }: Credential) {
  return (error: KrbError): Explanation | undefined => {
    const isRenewable = (flags & TicketFlags.renewable) !== 0;
    const until = isRenewable && renewTill !== undefined ? ` until ${new Date(renewTill).toISOString()}` : "";
    const known = [
      `The ticket of ${shown(client)} to ${shown(server)} is ${isRenewable ? `renewable${until}` : "not renewable"}.`,
    ];
    if (!isRenewable && error.errorCode === ErrorCode.KDC_ERR_BADOPTION) {
      const cause = "Only tickets that were asked for as renewable can be renewed.";
      return { known, causes: [{ cause, remedy: "Log in again and ask for a renewable ticket." }] };
    }
    const causes = causesByCode.get(error.errorCode)?.(shown(server));
    return causes && { known, causes };
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
