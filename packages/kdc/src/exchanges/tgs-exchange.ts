import { KdcOptions, NameType, type Pac, PacAttributeFlags, PaType, TicketFlags } from "@waybill/kerberos";
import { foreignClientLimit, isTransitive, tgsTicketFlags } from "../policy/index.ts";
import { serviceKeys } from "./account-keys.ts";
import { checkTicketTimes, openTicket } from "./ap-request.ts";
import { canonicalName } from "./as-exchange.ts";
import type { Conversation } from "./conversation.ts";
import { type Destination, derivedTimes, inheritedFlags, wantsPac } from "./destination.ts";
import type { KdcContext } from "./kdc-context.ts";
import {
  type FoundService,
  findClient,
  findService,
  findServiceOrReferral,
  nameText,
  ticketGrantingRealm,
} from "./names.ts";
import { padataOf } from "./padata.ts";
import { granted, KdcRefusal } from "./refusal.ts";
import { renewTicket } from "./renewal.ts";
import { grantS4uProxy } from "./s4u-proxy.ts";
import { grantS4uSelf } from "./s4u-self.ts";
import { encodeTgsReply, type TgsGrant } from "./tgs-reply.ts";
import { isRenewal, type OpenedTgsRequest, openTgsRequest, ownRequester } from "./tgs-request.ts";
import { withoutPac } from "./ticket-pac.ts";
import { withTransited } from "./transited-realms.ts";

/**
 * The TGS exchange: RFC 4120 section 3.3, MS-KILE section 3.3.5.7, MS-SFU section 3.2.
 *
 *     client or service                               KDC
 *       TGS-REQ (TGT, authenticator, service name) ──►   a ticket for the owner of the TGT
 *       … with PA-FOR-USER or PA-S4U-X509-USER     ──►   S4U2Self: a ticket to the asker, in a user's name
 *       … with cname-in-addl-tkt and a ticket      ──►   S4U2Proxy: a ticket to another service, in that ticket's name
 *                                                  ◄──   TGS-REP
 *
 * @throws KdcRefusal
 */
export function answerTgs(
  request: OpenedTgsRequest,
  conversation: Conversation,
  context: KdcContext,
): Uint8Array {
  const options = request.body.kdcOptions;
  const self =
    padataOf(request.padata, PaType.s4uX509User) !== undefined ||
    padataOf(request.padata, PaType.forUser) !== undefined;
  const proxy = (options & KdcOptions.cnameInAddlTkt) !== 0;
  if (proxy) conversation.exchange = "s4u2proxy";
  else if (self) conversation.exchange = "s4u2self";
  if (proxy || self) ownRequester(request, context);
  const destination = findDestination(request, context);
  if (isRenewal(request.body)) {
    return encodeTgsReply(renewTicket(request, destination, context), request, context);
  }
  const grant = proxy
    ? grantS4uProxy(request, destination, conversation, context)
    : self
      ? grantS4uSelf(request, destination, conversation, context)
      : ordinary(request, destination, context);
  conversation.facts.flags = grant.flags.toString(16);
  return encodeTgsReply(grant, request, context);
}

export { openTgsRequest };

function findDestination(request: OpenedTgsRequest, context: KdcContext): Destination {
  const { body } = request;
  const { directory } = context;
  const secondTgt =
    (body.kdcOptions & KdcOptions.encTktInSkey) === 0 ? undefined : body.additionalTickets?.[0];
  if (body.sname === undefined) {
    throw new KdcRefusal("KDC_ERR_S_PRINCIPAL_UNKNOWN", "the request names no service", {
      reason: "no-name",
    });
  }
  const canonicalize = (body.kdcOptions & KdcOptions.canonicalize) !== 0;
  const find =
    canonicalize && (body.kdcOptions & KdcOptions.encTktInSkey) === 0 ? findServiceOrReferral : findService;
  const service = find(directory, body.sname, body.realm);
  const enterprise = canonicalize && body.sname.nameType === NameType.enterprise;
  const sname =
    service.kind === "referral" ? service.name : enterprise ? canonicalName(service.account) : body.sname;
  if ((body.kdcOptions & KdcOptions.encTktInSkey) === 0) {
    const keys = serviceKeys(context, service.account, body.etype);
    return { service, sname, key: keys, sessionEncType: keys.sessionEncType };
  }
  if (secondTgt === undefined || ticketGrantingRealm(secondTgt.sname) === undefined) {
    throw new KdcRefusal("KDC_ERR_BADOPTION", "user-to-user needs the other side's ticket-granting ticket", {
      reason: "user-to-user-without-tgt",
    });
  }
  const other = openTicket(secondTgt, directory.krbtgt, context);
  checkTicketTimes(other, context);
  const owner = findClient(directory, other.part.cname, other.part.crealm);
  if (owner?.sid !== service.account.sid) {
    throw new KdcRefusal(
      "KRB_AP_ERR_BADMATCH",
      "the other side's ticket-granting ticket belongs to somebody else",
      {
        reason: "user-to-user-of-another-account",
      },
    );
  }
  const { key } = other.part;
  if (!body.etype.includes(key.keytype)) {
    throw new KdcRefusal(
      "KDC_ERR_ETYPE_NOSUPP",
      "the client does not know the other side's encryption type",
      {
        reason: "no-common-encryption-type",
      },
    );
  }
  return { service, sname, key, sessionEncType: key.keytype };
}

function ordinary(request: OpenedTgsRequest, destination: Destination, context: KdcContext): TgsGrant {
  const { tgt, body, wished } = request;
  const { service } = destination;
  const { part } = tgt;
  const transited = request.requester === undefined ? passedOn(request, service, context) : part.transited;
  const flags = granted(
    tgsTicketFlags({
      krbtgt: context.directory.krbtgt,
      tgtFlags: part.flags,
      options: body.kdcOptions,
      server: service.account,
      profile: context.profile,
    }),
  ).flags;
  const times = derivedTimes(request, destination, context);
  return {
    service,
    sname: destination.sname,
    crealm: part.crealm,
    cname: part.cname,
    flags:
      ((flags & ~TicketFlags.renewable) |
        times.flags |
        inheritedFlags(part.flags) |
        (request.requester === undefined ? TicketFlags.transitedPolicyChecked : 0)) >>>
      0,
    authtime: part.authtime,
    times,
    pac: pacOf(tgt.pac, service),
    others: [...withoutPac(part.authorizationData), ...wished],
    ticketKey: destination.key,
    sessionEncType: destination.sessionEncType,
    transited,
    padata: [],
  };
}

/** For clients of other realms: what they may get here, and the realms their ticket came through. */
function passedOn(
  { tgt, ap }: OpenedTgsRequest,
  service: FoundService,
  { directory, profile }: KdcContext,
): TgsGrant["transited"] {
  const { part } = tgt;
  if (ap.holder.kind !== "trust") return part.transited;
  const client = `${nameText(part.cname)}@${part.crealm}`;
  if (service.kind === "ticket-granting") granted(foreignClientLimit("own-tgt", client, profile));
  if (service.kind === "referral") {
    const next = directory
      .trusts()
      .find((trust) => `${trust.netbiosName}$` === service.account.samAccountName);
    if (next === undefined || !isTransitive(next) || !isTransitive(ap.holder.trust))
      granted(foreignClientLimit("pass-on", client, profile));
  }
  // The client's own realm is in the ticket already: RFC 4120 section 3.3.3.2.
  const { realm } = ap.holder;
  return realm === part.crealm ? part.transited : withTransited(part.transited, realm);
}

/** TGTs keep all of it; service tickets lose the parts that only the KDC needs, or all of it if the client said so. */
function pacOf(pac: Pac | undefined, service: FoundService): Pac | undefined {
  if (pac === undefined) return undefined;
  if (service.kind === "ticket-granting" || service.kind === "referral") return pac;
  const wanted = pac.attributes ?? PacAttributeFlags.givenImplicitly;
  if ((wanted & (PacAttributeFlags.requested | PacAttributeFlags.givenImplicitly)) === 0) return undefined;
  return wantsPac(service.account) ? pac.with({ attributes: undefined, requestor: undefined }) : undefined;
}
