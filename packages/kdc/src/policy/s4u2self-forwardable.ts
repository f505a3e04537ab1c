import { type Account, type Domain, hasFlag } from "@waybill/directory";
import { type Certainty, unreadableFacts } from "./decision.ts";
import { activeDirectory, type KdcProfile } from "./profile.ts";
import { factOf, objectOf, type Reason } from "./reason.ts";
import { krbtgtReason, protectedReason, type Subject, sensitiveReason } from "./subject.ts";

export interface S4u2selfFacts {
  readonly domain: Domain;
  readonly krbtgt: Account | undefined;
  /** The service that asks for a ticket to itself. */
  readonly service: Account;
  readonly user: Subject;
  readonly forwardableRequested: boolean;
  readonly serviceTgtForwardable: boolean;
  readonly profile?: KdcProfile | undefined;
}

export interface ForwardableDecision extends Certainty {
  readonly forwardable: boolean;
  /** Everything that withholds the flag; empty when it is set. */
  readonly reasons: readonly Reason[];
}

/** Whether an S4U2Self ticket is forwardable, and so good for S4U2Proxy: MS-SFU section 3.2.5.1.2. */
export function s4u2selfForwardable(facts: S4u2selfFacts): ForwardableDecision {
  const { domain, krbtgt, service, user, profile = activeDirectory } = facts;
  const reasons = [
    facts.forwardableRequested ? undefined : notRequested,
    facts.serviceTgtForwardable ? undefined : serviceTgtReason(service),
    krbtgtReason(krbtgt, profile),
    protocolTransitionReason(service, profile),
    sensitiveReason(user),
    profile.protectedUsersInS4u2self ? protectedReason(user, domain, profile) : undefined,
  ].filter((reason) => reason !== undefined);
  return {
    forwardable: reasons.length === 0,
    reasons,
    uncertain: [
      ...unreadableFacts(service, "userAccountControl", "msDS-AllowedToDelegateTo"),
      ...unreadableFacts(user.account, "userAccountControl", "memberOf"),
    ],
  };
}

const notRequested: Reason = {
  id: "forwardable-not-requested",
  sentence: "The request did not ask for a forwardable ticket.",
  lifts: [{ kind: "ask-differently", how: "Ask for a forwardable ticket." }],
};

function serviceTgtReason(service: Account): Reason {
  return {
    id: "service-tgt-not-forwardable",
    sentence: `${service.samAccountName} asks with a ticket-granting ticket that is not forwardable.`,
    ...(hasFlag(service.userAccountControl, "notDelegated")
      ? {
          fact: factOf(service, "userAccountControl", "NOT_DELEGATED"),
          lifts: [{ kind: "clear-flag", ...objectOf(service), flag: "notDelegated" }],
        }
      : { lifts: [{ kind: "ask-differently", how: "Sign the service in with a forwardable ticket." }] }),
  };
}

function protocolTransitionReason(service: Account, profile: KdcProfile): Reason | undefined {
  if (hasFlag(service.userAccountControl, "trustedToAuthForDelegation")) return undefined;
  const trust = { kind: "set-flag", ...objectOf(service), flag: "trustedToAuthForDelegation" } as const;
  const listed = service.allowedToDelegateTo.length;
  if (listed > 0) {
    return {
      id: "kerberos-only",
      sentence:
        `${service.samAccountName} may delegate with "Use Kerberos only": it has ${listed} delegation ` +
        `${listed === 1 ? "entry" : "entries"} but is not trusted to authenticate users who come without a ticket.`,
      fact: factOf(service, "userAccountControl", "TRUSTED_TO_AUTH_FOR_DELEGATION not set"),
      lifts: [
        {
          kind: "ask-differently",
          how: "Use the person's own service ticket as evidence instead of S4U2Self.",
        },
        trust,
        ...(profile.emptyListIsForwardable
          ? ([
              { kind: "clear-attribute", ...objectOf(service), attribute: "msDS-AllowedToDelegateTo" },
            ] as const)
          : []),
      ],
    };
  }
  if (profile.emptyListIsForwardable) return undefined;
  return {
    id: "not-trusted-to-authenticate",
    sentence: `${service.samAccountName} is not trusted to authenticate for delegation.`,
    fact: factOf(service, "userAccountControl", "TRUSTED_TO_AUTH_FOR_DELEGATION not set"),
    lifts: [trust],
  };
}
