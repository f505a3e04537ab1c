import type { Account } from "@waybill/directory";
import {
  KerberosError,
  type Pac,
  PacOptions,
  PaPacOptions,
  PaType,
  type Ticket,
  TicketFlags,
  wellKnownSids,
} from "@waybill/kerberos";
import {
  type EvidenceFacts,
  evidenceDecision,
  s4u2proxyClientDecision,
  s4u2proxyDecision,
  subjectOf,
} from "../policy/index.ts";
import { checkTicketTimes, openTicket } from "./ap-request.ts";
import type { Conversation } from "./conversation.ts";
import { type Destination, derivedTimes, inheritedFlags, wantsPac } from "./destination.ts";
import type { KdcContext } from "./kdc-context.ts";
import { findClient, findService, nameText } from "./names.ts";
import { serviceTicketSignatures } from "./pac-signatures.ts";
import { padataOf } from "./padata.ts";
import { granted, KdcRefusal } from "./refusal.ts";
import type { TgsGrant } from "./tgs-reply.ts";
import { type OpenedTgsRequest, ownRequester } from "./tgs-request.ts";
import { type OpenedTicket, withoutPac } from "./ticket-pac.ts";

/** S4U2Proxy: MS-SFU section 3.2.5.2. */
export function grantS4uProxy(
  request: OpenedTgsRequest,
  destination: Destination,
  conversation: Conversation,
  context: KdcContext,
): TgsGrant {
  const { directory, profile } = context;
  const { domain, krbtgt } = directory;
  const { body } = request;
  const requester = ownRequester(request, context);
  const targetSpn = nameText(destination.sname);
  const resourceBased = resourceBasedRequested(request);
  const shown = body.additionalTickets?.[0];
  if (shown === undefined) {
    throw new KdcRefusal("KDC_ERR_BADOPTION", "constrained delegation needs an evidence ticket", {
      reason: "evidence-missing",
    });
  }
  const evidence = openEvidence(shown, requester, context);
  const facts: EvidenceFacts = {
    service: requester,
    targetSpn,
    resourceBasedRequested: resourceBased,
    forService: evidence !== undefined,
    pac: evidence?.pac === undefined ? "absent" : "present",
    ...serviceTicketSignatures(evidence, krbtgt),
    profile,
  };
  granted(evidenceDecision(facts));
  if (evidence?.pac === undefined) throw new RangeError("evidence was accepted without a PAC");
  const { part, pac } = evidence;
  conversation.facts.client = nameText(part.cname);
  conversation.facts.by = requester.samAccountName;
  checkTicketTimes(evidence, context);
  const user = findClient(directory, part.cname, part.crealm);
  if (user !== undefined) {
    granted(s4u2proxyClientDecision({ account: user, domain, now: context.clock.now(), profile }));
  }
  const forwardable = (part.flags & TicketFlags.forwardable) !== 0;
  const { via } = granted(
    s4u2proxyDecision({
      domain,
      service: requester,
      serviceToken: directory.tokenSids(requester),
      target: destination.service.account,
      targetSpn,
      evidence: { forwardable, s4u2self: assertedByService(pac) },
      resourceBasedRequested: resourceBased,
      user: user === undefined ? undefined : subjectOf(directory, user),
      krbtgt,
      profile,
    }),
  );
  conversation.facts.via = via;
  const times = derivedTimes(request, destination, context, evidence);
  const earlier = pac.delegationInfo?.transitedServices ?? [];
  const transitedServices = [...earlier, delegatingService(shown, requester, context)];
  return {
    service: destination.service,
    sname: destination.sname,
    crealm: part.crealm,
    cname: part.cname,
    flags: ((forwardable ? TicketFlags.forwardable : 0) | times.flags | inheritedFlags(part.flags)) >>> 0,
    authtime: part.authtime,
    times,
    pac: wantsPac(destination.service.account)
      ? pac.with({ delegationInfo: { proxyTarget: targetSpn, transitedServices } })
      : undefined,
    others: withoutPac(part.authorizationData),
    ticketKey: destination.key,
    sessionEncType: destination.sessionEncType,
    transited: part.transited,
    padata: [],
  };
}

function resourceBasedRequested(request: OpenedTgsRequest): boolean {
  const value = padataOf(request.padata, PaType.pacOptions);
  if (value === undefined) return false;
  return (PaPacOptions.decode(value).flags & PacOptions.resourceBasedConstrainedDelegation) !== 0;
}

/** The evidence, if it was issued to the service: only its own keys open it. */
function openEvidence(ticket: Ticket, service: Account, context: KdcContext): OpenedTicket | undefined {
  try {
    return openTicket(ticket, service, context);
  } catch (error) {
    if (error instanceof KdcRefusal || error instanceof KerberosError) return undefined;
    throw error;
  }
}

function assertedByService(pac: Pac): boolean {
  return pac.logonInfo?.extraSids.some(({ sid }) => sid === wellKnownSids.serviceAssertedIdentity) ?? false;
}

/** `service@REALM` as the evidence names it, provided that name is really the requester's: names of tickets are not protected. */
function delegatingService(evidence: Ticket, requester: Account, context: KdcContext): string {
  const { directory } = context;
  let name = requester.samAccountName;
  try {
    const named = findService(directory, evidence.sname, evidence.realm);
    if (named.account.sid === requester.sid) name = nameText(evidence.sname);
  } catch (error) {
    if (!(error instanceof KdcRefusal)) throw error;
  }
  return `${name}@${directory.domain.realm}`;
}
