import { KerberosError } from "../errors.ts";
import { PaPacOptions } from "../messages/preauth.ts";
import type { Ticket } from "../messages/ticket.ts";
import { isTicketGrantingService, type Principal } from "../principal.ts";
import { KdcOptions, PacOptions } from "../registry/flags.ts";
import { PaType } from "../registry/pa-type.ts";
import type { ExchangeContext } from "./context.ts";
import { type Credential, grantingRealm } from "./credential.ts";
import type { Exchange } from "./exchange.ts";
import { explainS4u2Proxy } from "./explain-s4u.ts";
import { shown } from "./shown.ts";
import { checkClient, tgsExchange } from "./tgs-exchange.ts";
import { crossRealmTgt } from "./tgs-path.ts";

/** In whose name, shown by which evidence, to reach which service. */
export interface S4u2ProxyRequest {
  /** The service's own ticket-granting ticket. */
  readonly tgt: Credential;
  /** A ticket to this service in the user's name: the user's own, or one of S4U2Self. */
  readonly evidence: Credential;
  /** The service to reach in the user's name. */
  readonly target: Principal;
  /** Say that resource-based delegation is understood. Default: true; only old KDCs mind. */
  readonly resourceBased?: boolean | undefined;
  readonly etypes?: readonly number[] | undefined;
}

/**
 * A ticket to another service in the user's name: MS-SFU section 3.1.5.2. A target in another realm (resource-based
 * delegation only) is reached by referrals: each realm's answer is the evidence for the next.
 */
export function* s4u2proxyExchange(
  context: ExchangeContext,
  request: S4u2ProxyRequest,
): Exchange<Credential> {
  let { tgt } = request;
  let evidence = request.evidence.ticket;
  const visited = new Set([grantingRealm(tgt)]);
  for (;;) {
    const answer: Credential = yield* oneRequest(context, request, tgt, evidence);
    if (!isTicketGrantingService(answer.server)) return answer;
    const next = grantingRealm(answer);
    if (visited.has(next) || visited.size > context.maxReferrals) throw noWay(request, next);
    visited.add(next);
    tgt = yield* crossRealmTgt(context, tgt, next);
    evidence = answer.ticket;
  }
}

function* oneRequest(
  context: ExchangeContext,
  request: S4u2ProxyRequest,
  tgt: Credential,
  ticket: Ticket,
): Exchange<Credential> {
  const { evidence, target, resourceBased = true } = request;
  const flags = PacOptions.resourceBasedConstrainedDelegation;
  const pacOptions = { padataType: PaType.pacOptions, padataValue: PaPacOptions.encode({ flags }) };
  return yield* tgsExchange(context, {
    tgt,
    server: target,
    kdcOptions: KdcOptions.cnameInAddlTkt | KdcOptions.canonicalize | (tgt.flags & KdcOptions.forwardable),
    etypes: request.etypes,
    additionalTickets: [ticket],
    padata: () => (resourceBased ? [pacOptions] : []),
    subject: ({ rep }) => checkClient(rep, evidence.client),
    origin: "S4U2Proxy",
    what: `asking ${grantingRealm(tgt)} for a ticket to ${shown(target)} on behalf of ${shown(evidence.client)}`,
    explain: explainS4u2Proxy(request),
  });
}

function noWay({ target }: S4u2ProxyRequest, realm: string): KerberosError {
  return new KerberosError(`the realm ${realm} refers back instead of knowing ${shown(target)}`, {
    code: "REFERRAL_LOOP",
    facts: { target: shown(target), realm },
    remedy: "Check in which realm the target service is registered.",
  });
}
