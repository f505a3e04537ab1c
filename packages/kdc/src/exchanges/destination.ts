import { type Account, hasFlag } from "@waybill/directory";
import { type EncryptionKey, type PrincipalName, TicketFlags } from "@waybill/kerberos";
import { serviceTicketLifetimes } from "../policy/index.ts";
import type { VersionedKey } from "./account-keys.ts";
import type { KdcContext } from "./kdc-context.ts";
import type { FoundService } from "./names.ts";
import type { OpenedTgsRequest } from "./tgs-request.ts";
import type { OpenedTicket } from "./ticket-pac.ts";
import { type TicketTimes, ticketTimes } from "./ticket-times.ts";

/** Where a ticket of this request goes and how it is encrypted there. */
export interface Destination {
  readonly service: FoundService;
  readonly sname: PrincipalName;
  readonly key: VersionedKey | EncryptionKey;
  readonly sessionEncType: number;
}

/** Start, end and renewal of a ticket that rests on a TGT and perhaps on evidence. */
export function derivedTimes(
  request: OpenedTgsRequest,
  destination: Destination,
  context: KdcContext,
  evidence?: OpenedTicket,
): TicketTimes {
  const { part } = request.tgt;
  const now = context.clock.now();
  const { domain } = context.directory;
  const life =
    destination.service.kind === "ticket-granting"
      ? domain.tickets.maxTicketAge
      : serviceTicketLifetimes(domain).ticket;
  return ticketTimes(request.body, {
    now,
    latestEnd: Math.min(now + life, part.endtime, evidence?.part.endtime ?? Number.POSITIVE_INFINITY),
    latestRenewTill: (part.flags & TicketFlags.renewable) === 0 ? undefined : part.renewTill,
  });
}

/** How the client authenticated stays known; that a ticket came straight from a password does not. */
export function inheritedFlags(flags: number): number {
  return flags & (TicketFlags.preAuthent | TicketFlags.hwAuthent | TicketFlags.anonymous);
}

/** Accounts marked NO_AUTH_DATA_REQUIRED get tickets without PAC: MS-KILE section 3.3.5.7.2. */
export function wantsPac(service: Account): boolean {
  return !hasFlag(service.userAccountControl, "noAuthDataRequired");
}
