import { KdcOptions, TicketFlags } from "@waybill/kerberos";
import type { Destination } from "./destination.ts";
import type { KdcContext } from "./kdc-context.ts";
import { KdcRefusal } from "./refusal.ts";
import type { TgsGrant } from "./tgs-reply.ts";
import type { OpenedTgsRequest } from "./tgs-request.ts";
import { withoutPac } from "./ticket-pac.ts";
import { type TicketTimes, wholeSeconds } from "./ticket-times.ts";

/**
 * RENEW and VALIDATE: RFC 4120 section 3.3.3.1. The answer is the ticket that was shown with other times, to the same
 * service, ticket-granting or not.
 *
 * @throws KdcRefusal KDC_ERR_BADOPTION, KDC_ERR_SERVER_NOMATCH, KRB_AP_ERR_TKT_EXPIRED
 */
export function renewTicket(
  request: OpenedTgsRequest,
  destination: Destination,
  context: KdcContext,
): TgsGrant {
  const { part, pac } = request.tgt;
  const now = wholeSeconds(context.clock.now());
  checkService(request, destination);
  const renewing = (request.body.kdcOptions & KdcOptions.renew) !== 0;
  const { renewTill } = part;
  if (renewing && ((part.flags & TicketFlags.renewable) === 0 || renewTill === undefined)) {
    throw new KdcRefusal("KDC_ERR_BADOPTION", "the ticket is not renewable", {
      reason: "ticket-not-renewable",
    });
  }
  if (renewing && renewTill !== undefined && renewTill <= now) {
    throw new KdcRefusal("KRB_AP_ERR_TKT_EXPIRED", "the time to renew the ticket is over", {
      reason: "renewal-over",
    });
  }
  if (!renewing && (part.flags & TicketFlags.invalid) === 0) {
    throw new KdcRefusal("KDC_ERR_BADOPTION", "the ticket needs no validation", {
      reason: "ticket-already-valid",
    });
  }
  const life = part.endtime - (part.starttime ?? part.authtime);
  const times: TicketTimes = renewing
    ? {
        starttime: now,
        endtime: Math.min(now + life, renewTill ?? part.endtime),
        renewTill,
        flags: TicketFlags.renewable,
      }
    : {
        starttime: part.starttime ?? part.authtime,
        endtime: part.endtime,
        renewTill,
        flags: part.flags & TicketFlags.renewable,
      };
  return {
    service: destination.service,
    sname: destination.sname,
    crealm: part.crealm,
    cname: part.cname,
    flags: (part.flags & ~TicketFlags.invalid) >>> 0,
    authtime: part.authtime,
    times,
    pac,
    others: withoutPac(part.authorizationData),
    ticketKey: destination.key,
    sessionEncType: destination.sessionEncType,
    transited: part.transited,
    padata: [],
  };
}

/** Renewal is asked of the realm that issued the ticket, and for the service the ticket is for. */
function checkService({ ap }: OpenedTgsRequest, { service }: Destination): void {
  const { holder } = ap;
  if (holder.kind === "trust") {
    throw new KdcRefusal("KDC_ERR_BADOPTION", "a ticket is renewed by the realm that issued it", {
      reason: "renewal-of-foreign-ticket",
      facts: { issuer: holder.realm },
    });
  }
  if (service.kind === "password-change") {
    throw new KdcRefusal("KDC_ERR_BADOPTION", "tickets for password changes are not renewed", {
      reason: "renewal-of-password-ticket",
    });
  }
  const same =
    holder.kind === "krbtgt"
      ? service.kind === "ticket-granting"
      : holder.account.sid === service.account.sid;
  if (!same) {
    throw new KdcRefusal("KDC_ERR_SERVER_NOMATCH", "the ticket is for another service than the one named", {
      reason: "renewal-for-another-service",
      facts: { service: service.account.samAccountName },
    });
  }
}
