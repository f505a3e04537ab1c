import { type Account, hasFlag } from "@waybill/directory";
import {
  asClientDecision,
  asTicketFlags,
  clientEncTypes,
  evidenceDecision,
  type Reason,
  type Refusal,
  s4u2proxyClientDecision,
  s4u2proxyDecision,
  s4u2selfClientDecision,
  s4u2selfForwardable,
  sensitiveServiceReason,
  serviceDecision,
  serviceEncTypes,
  targetPacDecision,
  tgsTicketFlags,
  unreadableFacts,
} from "@waybill/kdc";
import { defaultEncTypes, errorCodeName, KdcOptions, ntStatusName, TicketFlags } from "@waybill/kerberos";
import type { TargetName } from "../model/service-names.ts";
import type { PredictionContext } from "./facts.ts";
import type { Exchange } from "./story.ts";

type Asked = Pick<Exchange, "kind" | "by" | "client" | "service" | "target">;

/** A sign-in with a password or key, asking for a forwardable ticket. */
export function predictLogin(
  context: PredictionContext,
  account: Account,
  kind: "login" | "host-login",
): Exchange {
  const { view, profile, now } = context;
  const { domain, krbtgt } = view;
  const name = account.samAccountName;
  const asked: Asked = { kind, by: name, client: name, service: `krbtgt/${domain.realm}` };
  const client = context.subject(account);
  const uncertain = unreadableFacts(
    account,
    "userAccountControl",
    "memberOf",
    "accountExpires",
    "lockoutTime",
  );
  const standing = asClientDecision({ account, domain, now, profile });
  // Somebody who must use a smart card has one.
  if (!standing.allowed && standing.reasons[0].id !== "client-smartcard-required")
    return refused(asked, standing, uncertain);
  if (account.keySets.length > 0) {
    const keys = clientEncTypes(client, domain, defaultEncTypes, profile);
    if (!keys.allowed) return refused(asked, keys, uncertain);
  }
  const options = KdcOptions.forwardable;
  const decision = asTicketFlags({ domain, krbtgt, client, server: krbtgt, options, profile });
  if (!decision.allowed) return refused(asked, decision, uncertain);
  return {
    ...asked,
    ...flagged(
      decision.flags,
      decision.withheld.flatMap(({ reasons }) => reasons),
    ),
    uncertain,
  };
}

/** An ordinary service ticket, with the ticket of an earlier sign-in. */
export function predictServiceTicket(
  context: PredictionContext,
  login: Exchange,
  service: string,
  target?: TargetName,
): Exchange {
  const { view, profile } = context;
  const asked: Asked = {
    kind: "service-ticket",
    by: login.by,
    client: login.client,
    service,
    ...(target === undefined ? {} : { target: { service: target.service, spelling: target.spelling } }),
  };
  const found = serviceDecision(view, service, profile);
  if (!found.allowed) return refused(asked, found, []);
  const etypes = serviceEncTypes(found.account, view.domain, defaultEncTypes, profile);
  if (!etypes.allowed) return refused(asked, etypes, []);
  const decision = tgsTicketFlags({
    krbtgt: view.krbtgt,
    tgtFlags: ticketFlags(login),
    options: ticketFlags(login) === 0 ? 0 : KdcOptions.forwardable,
    server: found.account,
    profile,
  });
  if (!decision.allowed) return refused(asked, decision, []);
  const withheld = decision.withheld.flatMap(({ reasons }) => reasons);
  return {
    ...asked,
    ...flagged(decision.flags, [...login.reasons, ...withheld]),
    uncertain: login.uncertain,
  };
}

/** A ticket to the host itself in the person's name, asked for by the host alone. */
export function predictS4uSelf(
  context: PredictionContext,
  login: Exchange,
  host: Account,
  person: Account,
): Exchange {
  const { view, profile, now } = context;
  const { domain, krbtgt } = view;
  const asked: Asked = {
    kind: "s4u2self",
    by: host.samAccountName,
    client: person.samAccountName,
    service: host.samAccountName,
  };
  const standing = s4u2selfClientDecision({ account: person, domain, now, profile });
  const etypes = serviceEncTypes(host, domain, defaultEncTypes, profile);
  if (!etypes.allowed) return refused(asked, etypes, []);
  const hidden = unreadableFacts(person, "accountExpires", "lockoutTime");
  if (!standing.allowed) return refused(asked, standing, hidden);
  const decision = s4u2selfForwardable({
    domain,
    krbtgt,
    service: host,
    user: context.subject(person),
    forwardableRequested: true,
    serviceTgtForwardable: login.flags.includes("forwardable"),
    profile,
  });
  const flags = decision.forwardable ? TicketFlags.forwardable : 0;
  return { ...asked, ...flagged(flags, decision.reasons), uncertain: [...decision.uncertain, ...hidden] };
}

/** A ticket to another service in the person's name, on the strength of evidence. */
export function predictS4uProxy(
  context: PredictionContext,
  evidence: Exchange,
  host: Account,
  person: Account,
  service: string,
  target?: TargetName,
): Exchange {
  const { view, profile, now } = context;
  const { domain, krbtgt } = view;
  const asked: Asked = {
    kind: "s4u2proxy",
    by: host.samAccountName,
    client: person.samAccountName,
    service,
    ...(target === undefined ? {} : { target: { service: target.service, spelling: target.spelling } }),
  };
  const found = serviceDecision(view, service, profile);
  if (!found.allowed) return refused(asked, found, []);
  const etypes = serviceEncTypes(found.account, domain, defaultEncTypes, profile);
  if (!etypes.allowed) return refused(asked, etypes, []);
  const forwardable = evidence.flags.includes("forwardable");
  const genuine = evidenceDecision({
    service: host,
    targetSpn: service,
    resourceBasedRequested: true,
    forService: true,
    // S4U2Self tickets carry one even for services marked to need none.
    pac:
      evidence.kind !== "s4u2self" && hasFlag(host.userAccountControl, "noAuthDataRequired")
        ? "absent"
        : "present",
    pacSignatures: "valid",
    ticketSignature: "valid",
    profile,
  });
  if (!genuine.allowed && !profile.pacAfterDelegation) return refused(asked, genuine, []);
  const standing = s4u2proxyClientDecision({ account: person, domain, now, profile });
  if (!standing.allowed) return refused(asked, standing, []);
  const decision = s4u2proxyDecision({
    domain,
    service: host,
    serviceToken: view.tokenSids(host),
    target: found.account,
    targetSpn: service,
    evidence: { forwardable, s4u2self: evidence.kind === "s4u2self" },
    resourceBasedRequested: true,
    user: context.subject(person),
    krbtgt,
    profile,
  });
  if (!decision.allowed) return refused(asked, decision, decision.uncertain);
  const withPac = targetPacDecision(found.account, profile);
  if (!withPac.allowed) return refused(asked, withPac, decision.uncertain);
  if (!genuine.allowed) return refused(asked, genuine, decision.uncertain);
  const passedOn = forwardable && sensitiveServiceReason(found.account, profile) === undefined;
  return {
    ...asked,
    decision: "granted",
    flags: passedOn ? ["forwardable"] : [],
    via: decision.via,
    reasons: [],
    uncertain: decision.uncertain,
  };
}

function flagged(
  flags: number,
  withheld: readonly Reason[],
): Pick<Exchange, "decision" | "flags" | "reasons"> {
  const forwardable = (flags & TicketFlags.forwardable) !== 0;
  return {
    decision: "granted",
    flags: forwardable ? ["forwardable"] : [],
    reasons: forwardable ? [] : unique(withheld),
  };
}

function unique(reasons: readonly Reason[]): Reason[] {
  return [...new Map(reasons.map((reason) => [reason.id, reason])).values()];
}

function ticketFlags(ticket: Exchange): number {
  return ticket.flags.includes("forwardable") ? TicketFlags.forwardable : 0;
}

function refused(asked: Asked, refusal: Refusal, uncertain: Exchange["uncertain"]): Exchange {
  const { errorCode, ntStatus, reasons } = refusal;
  return {
    ...asked,
    decision: "refused",
    flags: [],
    errorCode: errorCodeName(errorCode),
    ...(ntStatus === undefined ? {} : { ntStatus: ntStatusName(ntStatus) }),
    reasons,
    uncertain,
  };
}
