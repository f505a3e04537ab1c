import type { Account } from "@waybill/directory";
import { ErrorCode, NtStatus } from "@waybill/kerberos";
import { type Refusal, refuse } from "./decision.ts";
import { activeDirectory, type KdcProfile } from "./profile.ts";
import type { Reason } from "./reason.ts";
import { classicStatus } from "./s4u2proxy-decision.ts";

/** `unkeyed`: made without a key, by a checksum type that proves nothing; `unsupported`: SHA-1, which AD names differently. */
export type SignatureState = "valid" | "invalid" | "missing" | "unkeyed" | "unsupported";

/** What the KDC found out about the ticket a service shows for S4U2Proxy. */
export interface EvidenceFacts {
  readonly service: Account;
  readonly targetSpn: string;
  readonly resourceBasedRequested: boolean;
  /** It could be decrypted with a key of the service. */
  readonly forService: boolean;
  readonly pac: "present" | "absent";
  /** Signatures of server and KDC (types 6 and 7) and over the whole PAC (19). */
  readonly pacSignatures: SignatureState;
  /** The signature over the ticket itself (16), against a changed flag: CVE-2020-17049. */
  readonly ticketSignature: SignatureState;
  readonly profile?: KdcProfile | undefined;
}

/** Whether the evidence is genuine: MS-SFU section 3.2.5.2.2, CVE-2020-17049, CVE-2022-37967. */
export function evidenceDecision(facts: EvidenceFacts): { readonly allowed: true } | Refusal {
  const { profile = activeDirectory } = facts;
  const status = facts.resourceBasedRequested
    ? classicStatus(facts.service, facts.targetSpn, profile)
    : undefined;
  const forged = (reason: Reason): Refusal => refuse(profile, profile.codes.forgedEvidence, status, reason);
  if (!facts.forService)
    return refuse(profile, profile.codes.foreignEvidence, status, notForService(facts.service));
  if (facts.pac === "absent") return refuse(profile, profile.codes.evidenceWithoutPac, status, withoutPac);
  const { pacSignatures, ticketSignature } = facts;
  const { KDC_ERR_SUMTYPE_NOSUPP, KRB_ERR_GENERIC } = ErrorCode;
  if (pacSignatures === "invalid" || ticketSignature === "invalid") return forged(forgedReason);
  if (pacSignatures === "unsupported") return refuse(profile, KDC_ERR_SUMTYPE_NOSUPP, status, unsigned);
  if (pacSignatures !== "valid" || ticketSignature === "unkeyed" || ticketSignature === "unsupported") {
    return refuse(profile, KRB_ERR_GENERIC, status, unsigned);
  }
  if (ticketSignature === "missing") return forged(unsigned);
  return { allowed: true };
}

/** A service whose own TGT has no PAC gets nothing done in another's name. */
export function serviceTgtDecision(
  service: Account,
  pac: "present" | "absent",
  profile: KdcProfile = activeDirectory,
): { readonly allowed: true } | Refusal {
  if (pac === "present") return { allowed: true };
  return refuse(profile, ErrorCode.KDC_ERR_TGT_REVOKED, undefined, {
    id: "service-tgt-without-pac",
    sentence: `The ticket-granting ticket of ${service.samAccountName} carries no PAC.`,
    lifts: [{ kind: "ask-differently", how: "Sign the service in again and ask for a PAC." }],
  });
}

/**
 * The signatures of the TGT a service shows. The KDC signs TGTs twice with the same key; like Windows this looks at
 * the first signature and insists only on the presence of the second.
 */
export function serviceTgtSignatureDecision(
  service: Account,
  signature: SignatureState,
  profile: KdcProfile = activeDirectory,
): { readonly allowed: true } | Refusal {
  if (signature === "valid") return { allowed: true };
  const [code, status] = tgtSignatureCodes[signature];
  return refuse(profile, code, status, {
    id: "service-tgt-forged",
    sentence: `The PAC of ${service.samAccountName}'s ticket-granting ticket is not signed by this KDC.`,
    lifts: [{ kind: "ask-differently", how: "Sign in again." }],
  });
}

const tgtSignatureCodes = {
  invalid: [ErrorCode.KRB_AP_ERR_MODIFIED, NtStatus.STATUS_WRONG_PASSWORD],
  missing: [ErrorCode.KRB_ERR_GENERIC, NtStatus.STATUS_INSUFFICIENT_RESOURCES],
  unkeyed: [ErrorCode.KRB_ERR_GENERIC, NtStatus.STATUS_INSUFFICIENT_RESOURCES],
  unsupported: [ErrorCode.KDC_ERR_SUMTYPE_NOSUPP, NtStatus.STATUS_LOGON_FAILURE],
} as const;

/** The PAC's requestor SID must be the client's account: CVE-2021-42287. */
export function requestorDecision(
  client: Account | undefined,
  requestorSid: string | undefined,
  profile: KdcProfile = activeDirectory,
): { readonly allowed: true } | Refusal {
  if (client !== undefined && client.sid === requestorSid) return { allowed: true };
  return refuse(profile, ErrorCode.KDC_ERR_TGT_REVOKED, undefined, {
    id: "requestor-mismatch",
    sentence:
      requestorSid === undefined
        ? "The ticket-granting ticket does not say which account asked for it."
        : `The ticket-granting ticket was issued to ${requestorSid}, which is not the account of its client name.`,
    lifts: [{ kind: "ask-differently", how: "Sign in again." }],
  });
}

function notForService(service: Account): Reason {
  return {
    id: "evidence-not-for-service",
    sentence: `The evidence ticket was not issued to ${service.samAccountName}, or before its password changed too often.`,
    lifts: [{ kind: "ask-differently", how: "Show a ticket that was issued to this service." }],
  };
}

const withoutPac: Reason = {
  id: "evidence-without-pac",
  sentence: "The evidence ticket carries no PAC.",
  lifts: [{ kind: "ask-differently", how: "Show a ticket with a PAC." }],
};

const unsigned: Reason = {
  id: "evidence-unsigned",
  sentence: "The evidence ticket lacks a signature of the KDC.",
  lifts: [
    { kind: "ask-differently", how: "Get a new ticket from a KDC with the updates of 2021 and later." },
  ],
};

const forgedReason: Reason = {
  id: "evidence-forged",
  sentence: "The evidence ticket was changed after the KDC issued it.",
  lifts: [],
};
