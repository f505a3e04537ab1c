import {
  AccessMask,
  type Account,
  accessCheck,
  DirectoryError,
  type Domain,
  decodeSecurityDescriptor,
  hasFlag,
  WellKnownRid,
} from "@waybill/directory";
import { ErrorCode, NtStatus } from "@waybill/kerberos";
import { type Certainty, type Refusal, refuse, unreadableFacts } from "./decision.ts";
import { activeDirectory, type KdcProfile } from "./profile.ts";
import { factOf, objectOf, type Reason } from "./reason.ts";
import { escapeServiceName, spellingInList } from "./service-name.ts";
import { krbtgtReason, protectedReason, type Subject, sensitiveReason } from "./subject.ts";

export interface S4u2proxyFacts {
  readonly domain: Domain;
  /** The service that wants to act for a user. */
  readonly service: Account;
  /** SIDs of the service's own token, from the PAC of its TGT or `tokenSids`. */
  readonly serviceToken: readonly string[];
  readonly target: Account;
  /** The target's name as requested: `cifs/kvm02.lab.test`. */
  readonly targetSpn: string;
  readonly evidence: {
    readonly forwardable: boolean;
    /** The service made it with S4U2Self; a KDC tells by S-1-18-2 in its PAC. */
    readonly s4u2self: boolean;
  };
  /** The request sent PA-PAC-OPTIONS with the resource-based delegation bit. */
  readonly resourceBasedRequested: boolean;
  /** Who the evidence is about, if they have an account here; names why evidence is not forwardable. */
  readonly user?: Subject | undefined;
  readonly krbtgt?: Account | undefined;
  readonly profile?: KdcProfile | undefined;
}

export type S4u2proxyDecision = Certainty &
  ({ readonly allowed: true; readonly via: "classic" | "resource-based" } | Refusal);

const { KDC_ERR_BADOPTION, KDC_ERR_POLICY } = ErrorCode;

/**
 * Whether a service gets a ticket to another service in a user's name: MS-SFU sections 3.2.5.2.1 to .3. Where the
 * specification and Windows name different status codes for evidence that is not forwardable, this is Windows.
 */
export function s4u2proxyDecision(facts: S4u2proxyFacts): S4u2proxyDecision {
  const uncertain = [
    ...unreadableFacts(facts.service, "msDS-AllowedToDelegateTo"),
    ...unreadableFacts(facts.target, "msDS-AllowedToActOnBehalfOfOtherIdentity"),
  ];
  return { ...decide(facts), uncertain };
}

function decide(facts: S4u2proxyFacts): { allowed: true; via: "classic" | "resource-based" } | Refusal {
  const { service, target, evidence, profile = activeDirectory } = facts;
  if (target.sid === `${facts.domain.sid}-${WellKnownRid.krbtgt}`) {
    return refuse(profile, KDC_ERR_POLICY, NtStatus.STATUS_NOT_SUPPORTED, targetIsKrbtgt);
  }
  const spelling = spellingInList(service.allowedToDelegateTo, facts.targetSpn, profile);
  const listed = spelling === "listed";
  if (listed && evidence.forwardable) return { allowed: true, via: "classic" };
  const grant = resourceGrant(facts, profile);
  const flagReasons = [evidenceReason(facts), ...whyNotForwardable(facts, profile)] as const;
  const restricted = (...reasons: readonly Reason[]): Refusal =>
    refuse(profile, KDC_ERR_BADOPTION, NtStatus.STATUS_ACCOUNT_RESTRICTION, ...flagReasons, ...reasons);
  const considered = facts.resourceBasedRequested && profile.resourceBasedDelegation;
  const usable = evidence.forwardable || (considered && acceptsNonForwardable(facts, profile));

  if (profile.forwardableBeforeList && !evidence.forwardable) {
    return restricted(...(listed ? [] : [listReason(facts, spelling, profile), ...(grant ?? [])]));
  }
  if (considered && grant === undefined) {
    return usable ? { allowed: true, via: "resource-based" } : restricted();
  }
  if (listed) return restricted();
  const alsoFlag = evidence.forwardable ? [] : flagReasons;
  if (considered && grant !== undefined) {
    const [first, ...more] = grant;
    const list = listReason(facts, spelling, profile);
    return refuse(profile, KDC_ERR_BADOPTION, NtStatus.STATUS_NOT_FOUND, first, ...more, list, ...alsoFlag);
  }
  const status =
    service.allowedToDelegateTo.length === 0 ? NtStatus.STATUS_NOT_SUPPORTED : NtStatus.STATUS_NO_MATCH;
  return refuse(
    profile,
    KDC_ERR_BADOPTION,
    status,
    listReason(facts, spelling, profile),
    ...(facts.resourceBasedRequested ? (grant ?? []) : []),
    ...alsoFlag,
  );
}

/** The status an evidence failure carries along in a resource-based request: what the classic check left behind. */
export function classicStatus(
  service: Account,
  targetSpn: string,
  profile: KdcProfile = activeDirectory,
): number | undefined {
  if (spellingInList(service.allowedToDelegateTo, targetSpn, profile) === "listed") return undefined;
  return service.allowedToDelegateTo.length === 0 ? NtStatus.STATUS_NOT_SUPPORTED : NtStatus.STATUS_NO_MATCH;
}

/** Why the target's descriptor does not let the service act; `undefined` when it does. */
function resourceGrant(
  facts: S4u2proxyFacts,
  profile: KdcProfile,
): readonly [Reason, ...Reason[]] | undefined {
  const { service, target } = facts;
  const attribute = "msDS-AllowedToActOnBehalfOfOtherIdentity";
  const lifts = [
    {
      kind: "grant-delegation",
      ...objectOf(target),
      trustee: service.sid,
      trusteeAccount: service.samAccountName,
    },
  ] as const;
  if (!profile.resourceBasedDelegation) {
    return [
      {
        id: "resource-delegation-unsupported",
        sentence: `This KDC (${profile.name}) ignores resource-based delegation.`,
        fact: factOf(
          target,
          attribute,
          target.allowedToActOnBehalfOf === undefined ? "(empty)" : "(ignored)",
        ),
        lifts: [{ kind: "other-kdc", how: "Use a KDC that supports resource-based delegation." }],
      },
    ];
  }
  const descriptor = target.allowedToActOnBehalfOf;
  if (descriptor === undefined) {
    return [
      {
        id: "resource-grants-nobody",
        sentence: `${target.samAccountName} lets nobody act on behalf of others towards it.`,
        fact: factOf(target, attribute, "(empty)"),
        lifts,
      },
    ];
  }
  try {
    const parsed = decodeSecurityDescriptor(descriptor);
    if (parsed.dacl !== undefined && accessCheck(parsed, facts.serviceToken, AccessMask.controlAccess))
      return undefined;
  } catch (error) {
    if (!(error instanceof DirectoryError)) throw error;
    return [
      {
        id: "resource-grant-unreadable",
        sentence: `The delegation descriptor of ${target.samAccountName} is damaged and grants nothing.`,
        fact: factOf(target, attribute, "(malformed)"),
        lifts,
      },
    ];
  }
  return [
    {
      id: "resource-does-not-grant",
      sentence: `${target.samAccountName} does not let ${service.samAccountName} act on behalf of others towards it.`,
      fact: factOf(target, attribute, `no access for ${service.sid}`),
      lifts,
    },
  ];
}

/** Before CVE-2020-16996 was enforced: S4U2Self tickets of users who are not sensitive. */
function acceptsNonForwardable(facts: S4u2proxyFacts, profile: KdcProfile): boolean {
  if (!profile.nonForwardableDelegation || !facts.evidence.s4u2self || facts.user === undefined) return false;
  return (
    sensitiveReason(facts.user) === undefined &&
    protectedReason(facts.user, facts.domain, profile) === undefined
  );
}

function evidenceReason({ service, evidence, user }: S4u2proxyFacts): Reason {
  const name = user?.account.samAccountName;
  return {
    id: "evidence-not-forwardable",
    sentence: evidence.s4u2self
      ? `The ticket ${service.samAccountName} made for itself in ${name ?? "the user"}'s name is not forwardable.`
      : `${name ?? "The user"}'s ticket to ${service.samAccountName} is not forwardable.`,
    lifts: evidence.s4u2self
      ? []
      : [{ kind: "ask-differently", how: "Sign in with a forwardable ticket (kinit -f)." }],
  };
}

function whyNotForwardable(facts: S4u2proxyFacts, profile: KdcProfile): Reason[] {
  const { user, krbtgt, domain } = facts;
  return [
    krbtgtReason(krbtgt, profile),
    user === undefined ? undefined : sensitiveReason(user),
    user === undefined ? undefined : protectedReason(user, domain, profile),
  ].filter((reason) => reason !== undefined);
}

function listReason(
  facts: S4u2proxyFacts,
  spelling: "plain" | "absent" | "listed",
  profile: KdcProfile,
): Reason {
  const { service, targetSpn } = facts;
  const attribute = "msDS-AllowedToDelegateTo";
  const needed = profile.escapedServiceNames ? escapeServiceName(targetSpn) : targetSpn;
  const lifts = [{ kind: "add-value", ...objectOf(service), attribute, value: needed }] as const;
  if (spelling === "plain") {
    return {
      id: "list-spelling-escaped",
      sentence:
        `${service.samAccountName} lists "${targetSpn}", but this KDC (${profile.name}) compares names with ` +
        `their spaces escaped ("${needed}").`,
      fact: factOf(service, attribute, targetSpn),
      lifts,
    };
  }
  const empty = service.allowedToDelegateTo.length === 0;
  return {
    id: empty ? "delegation-not-configured" : "target-not-listed",
    sentence: empty
      ? `${service.samAccountName} has no delegation entries.`
      : `${service.samAccountName} may not delegate to "${targetSpn}": it is not among its ${service.allowedToDelegateTo.length} entries.`,
    fact: factOf(service, attribute, empty ? "(empty)" : `no entry ${targetSpn}`),
    lifts,
  };
}

/** Whether the target gets tickets with a PAC, where a KDC insists on that. */
export function targetPacDecision(
  target: Account,
  profile: KdcProfile = activeDirectory,
): { readonly allowed: true } | Refusal {
  if (!profile.pacAfterDelegation || !hasFlag(target.userAccountControl, "noAuthDataRequired"))
    return { allowed: true };
  return refuse(profile, KDC_ERR_BADOPTION, NtStatus.STATUS_NOT_SUPPORTED, {
    id: "target-without-pac",
    sentence: `${target.samAccountName} gets tickets without PAC, and this KDC (${profile.name}) gives none of those in another's name.`,
    fact: factOf(target, "userAccountControl", "NO_AUTH_DATA_REQUIRED"),
    lifts: [{ kind: "clear-flag", ...objectOf(target), flag: "noAuthDataRequired" }],
  });
}

const targetIsKrbtgt: Reason = {
  id: "target-is-krbtgt",
  sentence: "No service gets a ticket-granting ticket in a user's name.",
  lifts: [],
};
