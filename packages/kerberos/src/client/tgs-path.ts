import { KerberosError } from "../errors.ts";
import { isTicketGrantingService, type Principal, ticketGrantingService } from "../principal.ts";
import { KdcOptions } from "../registry/flags.ts";
import type { ExchangeContext } from "./context.ts";
import { type Credential, grantingRealm } from "./credential.ts";
import type { Exchange } from "./exchange.ts";
import { explainTicket } from "./explain-ticket.ts";
import { type TgsRequest, tgsExchange } from "./tgs-exchange.ts";
import { trace } from "./trace.ts";

/** The realms between two realms without both ends, as RFC 4120 section 1.2 has it when nobody says otherwise. */
export function hierarchicalPath(from: string, to: string): readonly string[] {
  const left = from.split(".");
  const right = to.split(".");
  let common = 0;
  while (common < Math.min(left.length, right.length) && left.at(-1 - common) === right.at(-1 - common))
    common++;
  const up = left.slice(0, left.length - common).map((_, index) => left.slice(index + 1).join("."));
  const down = right.slice(0, right.length - common).map((_, index) => right.slice(index).join("."));
  if (common === 0) up.pop();
  const whole = [from, ...up, ...down.reverse()];
  return [...new Set(whole)].filter((realm) => realm !== from && realm !== to && realm !== "");
}

/**
 * A ticket-granting ticket for `realm`, starting from one for another realm. The farthest realm is asked for first;
 * a KDC may answer with one on the way (RFC 6806 section 8).
 */
export function* crossRealmTgt(
  context: ExchangeContext,
  tgt: Credential,
  realm: string,
): Exchange<Credential> {
  let current = tgt;
  const home = grantingRealm(tgt);
  const visited = new Set([home]);
  const prescribed = context.path(home, realm) ?? [];
  while (grantingRealm(current) !== realm) {
    const here = grantingRealm(current);
    const isPrescribed = here === home ? prescribed.length > 0 : prescribed.includes(here);
    const between = isPrescribed
      ? prescribed.slice(prescribed.indexOf(here) + 1)
      : hierarchicalPath(here, realm);
    const candidates = [realm, ...[...between].reverse()].filter((candidate) => !visited.has(candidate));
    current = yield* firstGranted(context, current, candidates);
    const reached = grantingRealm(current);
    if (visited.has(reached) || visited.size > context.maxReferrals) throw loop([...visited, reached]);
    visited.add(reached);
  }
  return current;
}

function* firstGranted(
  context: ExchangeContext,
  tgt: Credential,
  realms: readonly string[],
): Exchange<Credential> {
  const here = grantingRealm(tgt);
  let refused: KerberosError | undefined;
  for (const realm of realms) {
    const server = ticketGrantingService(realm, here);
    try {
      const kdcOptions = inherited(tgt) | KdcOptions.canonicalize;
      const next = yield* tgsExchange(context, {
        tgt,
        server,
        kdcOptions,
        explain: explainTicket(tgt, server),
      });
      if (isTicketGrantingService(next.server) && grantingRealm(next) !== here) return next;
    } catch (error) {
      if (!(error instanceof KerberosError) || error.code !== "KDC_ERR_S_PRINCIPAL_UNKNOWN") throw error;
      refused ??= error;
    }
  }
  throw new KerberosError(`there is no way from realm ${here} to ${realms[0] ?? "anywhere"}`, {
    code: "NO_REALM_PATH",
    family: "environment",
    facts: { from: here, tried: realms.join(", ") },
    remedy: "Check that the realms trust each other, and [capaths] if the way leads through others.",
    cause: refused,
  });
}

/**
 * Asks for a ticket and follows the KDC's referrals to the realm that has the service: RFC 6806 section 8.
 *
 * @param request the request as it goes to every realm on the way
 */
export function* followReferrals(context: ExchangeContext, request: TgsRequest): Exchange<Credential> {
  let current = request.tgt;
  const visited = new Set([grantingRealm(current)]);
  const wantsTgt = isTicketGrantingService(request.server);
  for (;;) {
    const answer = yield* tgsExchange(context, { ...request, tgt: current });
    const reached = grantingRealm(answer);
    const isReferral = !wantsTgt && isTicketGrantingService(answer.server);
    if (!isReferral) return answer;
    trace.referral(context.log, request.server, reached);
    if (visited.has(reached) || visited.size > context.maxReferrals) throw loop([...visited, reached]);
    visited.add(reached);
    current = answer;
  }
}

/** A service ticket, across realms if need be. A server realm of "" leaves it to the client's KDC to find it. */
export function* ticketExchange(
  context: ExchangeContext,
  tgt: Credential,
  server: Principal,
  options: Omit<TgsRequest, "tgt" | "server" | "kdcOptions"> & {
    readonly kdcOptions?: number | undefined;
  } = {},
): Exchange<Credential> {
  const home = grantingRealm(tgt);
  const target = server.realm === "" ? home : server.realm;
  const start = target === home ? tgt : yield* crossRealmTgt(context, tgt, target);
  const kdcOptions = options.kdcOptions ?? inherited(tgt) | KdcOptions.canonicalize;
  if (isTicketGrantingService(server) && server.components[1] === grantingRealm(start)) return start;
  return yield* followReferrals(context, {
    ...options,
    tgt: start,
    server,
    kdcOptions,
    explain: options.explain ?? explainTicket(tgt, server),
  });
}

/** The options a ticket asks for when it shall be as good as the one presented. */
export function inherited(tgt: Credential): number {
  return tgt.flags & (KdcOptions.forwardable | KdcOptions.proxiable);
}

function loop(realms: readonly string[]): KerberosError {
  return new KerberosError(`KDCs refer to each other without end: ${realms.join(" -> ")}`, {
    code: "REFERRAL_LOOP",
    facts: { realms: realms.join(" ") },
    remedy: "Check the trusts and name suffix routing between these realms.",
  });
}
