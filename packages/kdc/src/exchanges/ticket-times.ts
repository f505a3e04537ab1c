import type { EpochMs } from "@waybill/base";
import { KdcOptions, type KdcReqBody, TicketFlags } from "@waybill/kerberos";
import { KdcRefusal } from "./refusal.ts";

/** Kerberos has whole seconds. */
export function wholeSeconds(time: EpochMs): EpochMs {
  return Math.floor(time / 1000) * 1000;
}

/** `19700101000000Z` asks for no limit: RFC 4120 section 3.1.3 of the till field, and Java's default. */
export function requestedEnd(till: EpochMs | undefined): EpochMs {
  return till === undefined || till === 0 ? Number.POSITIVE_INFINITY : till;
}

export interface TicketLimits {
  readonly now: EpochMs;
  /** Latest end of any ticket here; for TGS the TGT's own end counts too. */
  readonly latestEnd: EpochMs;
  /** Latest renew-till; `undefined`: not renewable. */
  readonly latestRenewTill: EpochMs | undefined;
}

export interface TicketTimes {
  readonly starttime: EpochMs;
  readonly endtime: EpochMs;
  readonly renewTill: EpochMs | undefined;
  /** `TicketFlags.renewable` or nothing. */
  readonly flags: number;
}

/** A start later than this is asked for on purpose and not by a clock that is ahead. */
const postponable = 5 * 60_000;

/** Start, end and renew-till of a new ticket. Like Active Directory's KDC it postdates nothing: RFC 4120 sections 3.1.3 and 3.3.3. */
export function ticketTimes(body: KdcReqBody, limits: TicketLimits): TicketTimes {
  const options = body.kdcOptions;
  if ((options & KdcOptions.postdated) !== 0 || (body.from ?? 0) > limits.now + postponable) {
    throw new KdcRefusal("KDC_ERR_CANNOT_POSTDATE", "tickets are not postdated here", {
      reason: "postdated-not-supported",
    });
  }
  const starttime = wholeSeconds(limits.now);
  const wanted = requestedEnd(body.till);
  const endtime = wholeSeconds(Math.min(wanted, limits.latestEnd));
  if (endtime <= starttime) {
    throw new KdcRefusal("KDC_ERR_NEVER_VALID", "the ticket would end before it starts", {
      reason: "ends-before-start",
      facts: { till: wanted, latestEnd: limits.latestEnd },
    });
  }
  const { latestRenewTill } = limits;
  const renewableOk = (options & KdcOptions.renewableOk) !== 0 && wanted > endtime;
  const asked = (options & KdcOptions.renewable) !== 0;
  if (latestRenewTill === undefined || !(asked || renewableOk) || latestRenewTill <= endtime) {
    return { starttime, endtime, renewTill: undefined, flags: 0 };
  }
  const until = asked ? requestedEnd(body.rtime) : wanted;
  const renewTill = wholeSeconds(Math.min(Math.max(until, endtime), latestRenewTill));
  return { starttime, endtime, renewTill, flags: TicketFlags.renewable };
}
