import { type Account, type Domain, hasFlag } from "@waybill/directory";
import { ErrorCode, KdcOptions, TicketFlags } from "@waybill/kerberos";
import { type Refusal, refuse } from "./decision.ts";
import { activeDirectory, type KdcProfile } from "./profile.ts";
import { factOf, objectOf, type Reason } from "./reason.ts";
import { krbtgtReason, protectedReason, type Subject, sensitiveReason } from "./subject.ts";

export interface FlagsDecision {
  readonly allowed: true;
  /** Of `TicketFlags`: forwardable, forwarded, proxiable, proxy, renewable, okAsDelegate; what was asked for and may be given. */
  readonly flags: number;
  /** Why flags that were asked for are missing. */
  readonly withheld: readonly { readonly flag: number; readonly reasons: readonly Reason[] }[];
}

export interface AsFlagsFacts {
  readonly domain: Domain;
  readonly krbtgt: Account | undefined;
  readonly client: Subject;
  /** The service asked for; krbtgt as a rule. */
  readonly server: Account;
  /** KDC options of the request. */
  readonly options: number;
  readonly profile?: KdcProfile | undefined;
}

/** Flags of a ticket-granting ticket: MS-KILE section 3.3.5.1. The caller adds initial and pre-authent. */
export function asTicketFlags(facts: AsFlagsFacts): FlagsDecision | Refusal {
  const { client, krbtgt, domain, options, profile = activeDirectory } = facts;
  const personal = [sensitiveReason(client), protectedReason(client, domain, profile)].filter(
    (reason) => reason !== undefined,
  );
  const [first, ...more] = personal;
  if (profile.proxiableRefused && first !== undefined && (options & KdcOptions.proxiable) !== 0) {
    return refuse(
      { ...profile, ntStatusInTgsErrors: true },
      ErrorCode.KDC_ERR_POLICY,
      undefined,
      proxiableReason(client),
      first,
      ...more,
    );
  }
  const domainWide = [krbtgtReason(krbtgt, profile)].filter((reason) => reason !== undefined);
  return decideFlags([
    {
      asked: has(options, KdcOptions.forwardable),
      flag: TicketFlags.forwardable,
      reasons: [...domainWide, ...personal],
    },
    {
      asked: has(options, KdcOptions.proxiable),
      flag: TicketFlags.proxiable,
      reasons: [...domainWide, ...personal],
    },
    { asked: has(options, KdcOptions.renewable), flag: TicketFlags.renewable, reasons: [] },
    {
      asked: true,
      flag: hasFlag(facts.server.userAccountControl, "trustedForDelegation") ? TicketFlags.okAsDelegate : 0,
      reasons: [],
    },
  ]);
}

export interface TgsFlagsFacts {
  readonly krbtgt: Account | undefined;
  /** Flags of the TGT. */
  readonly tgtFlags: number;
  readonly options: number;
  readonly server: Account;
  readonly profile?: KdcProfile | undefined;
}

/** Flags of a service ticket from those of the TGT: RFC 4120 section 3.3.3. Not for S4U2Self and S4U2Proxy. */
export function tgsTicketFlags(facts: TgsFlagsFacts): FlagsDecision | Refusal {
  const { tgtFlags, options, profile = activeDirectory } = facts;
  const wantsForward = has(options, KdcOptions.forwarded);
  const wantsProxy = has(options, KdcOptions.proxy);
  const forwardable = has(tgtFlags, TicketFlags.forwardable);
  const proxiable = has(tgtFlags, TicketFlags.proxiable);
  const domainWide = [krbtgtReason(facts.krbtgt, profile)].filter((reason) => reason !== undefined);
  const ofService = [sensitiveServiceReason(facts.server, profile)].filter((reason) => reason !== undefined);
  if (wantsForward && !forwardable)
    return refuse(profile, ErrorCode.KDC_ERR_BADOPTION, undefined, notForwardableTgt, ...domainWide);
  if (wantsProxy && !proxiable)
    return refuse(profile, ErrorCode.KDC_ERR_BADOPTION, undefined, notProxiableTgt);
  return decideFlags([
    {
      asked: has(options, KdcOptions.forwardable),
      flag: TicketFlags.forwardable,
      reasons: [...(forwardable ? [] : [notForwardableTgt]), ...domainWide, ...ofService],
    },
    {
      asked: has(options, KdcOptions.proxiable),
      flag: TicketFlags.proxiable,
      reasons: proxiable ? [] : [notProxiableTgt],
    },
    { asked: wantsForward || has(tgtFlags, TicketFlags.forwarded), flag: TicketFlags.forwarded, reasons: [] },
    { asked: wantsProxy, flag: TicketFlags.proxy, reasons: [] },
    {
      asked: has(options, KdcOptions.renewable) && has(tgtFlags, TicketFlags.renewable),
      flag: TicketFlags.renewable,
      reasons: [],
    },
    {
      asked: true,
      flag: hasFlag(facts.server.userAccountControl, "trustedForDelegation") ? TicketFlags.okAsDelegate : 0,
      reasons: [],
    },
  ]);
}

/** Why tickets to a service are not forwardable, whoever they are for. */
export function sensitiveServiceReason(
  service: Account,
  profile: KdcProfile = activeDirectory,
): Reason | undefined {
  if (!profile.sensitiveServiceCounts || !hasFlag(service.userAccountControl, "notDelegated"))
    return undefined;
  return {
    id: "service-sensitive",
    sentence: `${service.samAccountName} is marked "sensitive and cannot be delegated", and this KDC (${profile.name}) then makes no ticket to it forwardable.`,
    fact: factOf(service, "userAccountControl", "NOT_DELEGATED"),
    lifts: [{ kind: "clear-flag", ...objectOf(service), flag: "notDelegated" }],
  };
}

interface FlagCandidate {
  readonly asked: boolean;
  readonly flag: number;
  readonly reasons: readonly Reason[];
}

function decideFlags(candidates: readonly FlagCandidate[]): FlagsDecision {
  const asked = candidates.filter((candidate) => candidate.asked);
  const given = asked.filter((candidate) => candidate.reasons.length === 0);
  return {
    allowed: true,
    flags: given.reduce((flags, { flag }) => flags | flag, 0) >>> 0,
    withheld: asked
      .filter((candidate) => candidate.reasons.length > 0)
      .map(({ flag, reasons }) => ({ flag, reasons })),
  };
}

function has(word: number, bit: number): boolean {
  return (word & bit) !== 0;
}

function proxiableReason({ account }: Subject): Reason {
  return {
    id: "proxiable-not-allowed",
    sentence: `${account.samAccountName} may not have a proxiable ticket, and this KDC refuses to issue another.`,
    lifts: [{ kind: "ask-differently", how: "Do not ask for a proxiable ticket." }],
  };
}

const notForwardableTgt: Reason = {
  id: "client-tgt-not-forwardable",
  sentence: "The client's ticket-granting ticket is not forwardable.",
  lifts: [{ kind: "ask-differently", how: "Sign in with a forwardable ticket (kinit -f)." }],
};

const notProxiableTgt: Reason = {
  id: "client-tgt-not-proxiable",
  sentence: "The client's ticket-granting ticket is not proxiable.",
  lifts: [{ kind: "ask-differently", how: "Sign in with a proxiable ticket (kinit -p)." }],
};
