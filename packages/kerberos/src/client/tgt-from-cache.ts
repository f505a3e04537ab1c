import { type Clock, systemClock } from "@waybill/base";
import { KerberosError } from "../errors.ts";
import { fromCachedCredential } from "../files/cached-credential.ts";
import type { CredentialCache } from "../files/credential-cache.ts";
import { isTicketGrantingService, samePrincipal, ticketGrantingService } from "../principal.ts";
import type { Credential } from "./credential.ts";
import { shown } from "./shown.ts";

/**
 * The ticket-granting ticket that `kinit` or another program left in a cache.
 *
 * @throws KerberosError CCACHE_NOT_FOUND and its neighbours, NO_TICKET_IN_CACHE, TICKET_EXPIRED, Asn1Error
 */
export async function tgtFromCache(
  cache: CredentialCache,
  options: { readonly clock?: Clock | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<Credential> {
  const { principal, credentials, kdcOffset = 0 } = await cache.read({ signal: options.signal });
  const now = (options.clock ?? systemClock).now() + kdcOffset;
  const wanted = ticketGrantingService(principal.realm);
  const own = credentials.filter(
    ({ client, server }) => samePrincipal(client, principal) && isTicketGrantingService(server),
  );
  // The home realm's first: it opens the way to all others.
  const home = own.filter(({ server }) => samePrincipal(server, wanted));
  const candidates = home.length > 0 ? home : own;
  const best = candidates.toSorted((left, right) => right.endTime - left.endTime)[0];
  if (best === undefined) {
    throw new KerberosError(`${cache.name} holds no ticket-granting ticket of ${shown(principal)}`, {
      code: "NO_TICKET_IN_CACHE",
      family: "environment",
      facts: { cache: cache.name, principal: shown(principal) },
      remedy: "Log in (waybill ticket login, or kinit).",
    });
  }
  if (best.endTime <= now) {
    throw new KerberosError(`the ticket of ${shown(principal)} in ${cache.name} has expired`, {
      code: "TICKET_EXPIRED",
      family: "environment",
      facts: {
        cache: cache.name,
        principal: shown(principal),
        endTime: new Date(best.endTime).toISOString(),
      },
      remedy: "Log in again (waybill ticket login, or kinit).",
    });
  }
  return fromCachedCredential(best);
}
