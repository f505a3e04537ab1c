import type { Domain } from "@waybill/directory";
import { activeDirectory, type KdcProfile } from "./profile.ts";
import type { Reason } from "./reason.ts";
import { isProtected, type Subject } from "./subject.ts";

/** The longest a ticket may live and be renewed, in milliseconds from its start (tickets) or authentication (renewal). */
export interface Lifetimes {
  readonly ticket: number;
  readonly renewal: number;
  /** Why it is shorter than the domain's own limits. */
  readonly shortened: readonly Reason[];
}

const fourHours = 4 * 60 * 60_000;

/** Limits of a ticket-granting ticket. Protected Users get four hours and no renewal past them. */
export function tgtLifetimes(
  client: Subject,
  domain: Domain,
  profile: KdcProfile = activeDirectory,
): Lifetimes {
  const { maxTicketAge, maxRenewAge } = domain.tickets;
  if (!isProtected(client, domain, profile))
    return { ticket: maxTicketAge, renewal: maxRenewAge, shortened: [] };
  return {
    ticket: Math.min(maxTicketAge, fourHours),
    renewal: Math.min(maxRenewAge, fourHours),
    shortened: [
      {
        id: "protected-user-lifetime",
        sentence: `Tickets of ${client.account.samAccountName}, a member of Protected Users, last four hours.`,
        lifts: [],
      },
    ],
  };
}

/** Limits of a service ticket; it never outlives its TGT, which is the caller's part. */
export function serviceTicketLifetimes(domain: Domain): Lifetimes {
  const { maxServiceAge, maxRenewAge } = domain.tickets;
  return { ticket: maxServiceAge, renewal: maxRenewAge, shortened: [] };
}
