import type { Account, KeySet, Trust } from "@waybill/directory";
import type { Ticket } from "@waybill/kerberos";
import type { KdcContext } from "./kdc-context.ts";
import { findService, isOwnRealm, isPasswordService, ticketGrantingRealm, trustTo } from "./names.ts";

/** Whose keys open a ticket that is shown to the KDC. */
export type TicketHolder = { readonly keySets: readonly KeySet[] } & (
  | { readonly kind: "krbtgt" }
  /** Issued by the KDC of a realm that this one trusts. */
  | { readonly kind: "trust"; readonly trust: Trust; readonly realm: string }
  /** A service's own ticket, which only renewal and validation take: RFC 4120 section 3.3.1. */
  | { readonly kind: "service"; readonly account: Account }
);

/** Finds the holder of a ticket's key; `undefined`: such a ticket is not taken here. */
export type FindHolder = (ticket: Ticket, context: KdcContext) => TicketHolder | undefined;

/** Ticket-granting tickets: this KDC's own, and those of trusted realms. */
export function ticketGrantingHolder(ticket: Ticket, context: KdcContext): TicketHolder | undefined {
  const { directory } = context;
  const granting = ticketGrantingRealm(ticket.sname);
  if (granting === undefined || !isOwnRealm(directory, granting)) return undefined;
  if (isOwnRealm(directory, ticket.realm)) return { kind: "krbtgt", keySets: directory.krbtgt.keySets };
  const trust = trustTo(directory, ticket.realm, "outbound");
  return trust === undefined
    ? undefined
    : { kind: "trust", trust, realm: ticket.realm, keySets: trust.keySets };
}

/** What renewal and validation take: any ticket of this realm. @throws KdcRefusal KDC_ERR_S_PRINCIPAL_UNKNOWN */
export function anyHolder(ticket: Ticket, context: KdcContext): TicketHolder | undefined {
  const granting = ticketGrantingHolder(ticket, context);
  if (granting !== undefined || !isOwnRealm(context.directory, ticket.realm)) return granting;
  const { account } = findService(context.directory, ticket.sname, ticket.realm);
  return { kind: "service", account, keySets: account.keySets };
}

/** What the password service takes: tickets to kadmin/changepw. */
export function passwordServiceHolder(ticket: Ticket, context: KdcContext): TicketHolder | undefined {
  const { directory } = context;
  if (!isOwnRealm(directory, ticket.realm) || !isPasswordService(ticket.sname)) return undefined;
  return { kind: "krbtgt", keySets: directory.krbtgt.keySets };
}
