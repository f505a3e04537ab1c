import { type Domain, type Trust, TrustAttributes, TrustType } from "@waybill/directory";
import { ErrorCode, NtStatus } from "@waybill/kerberos";
import { type Refusal, refuse } from "./decision.ts";
import type { SignatureState } from "./evidence.ts";
import { activeDirectory, type KdcProfile } from "./profile.ts";
import type { Reason } from "./reason.ts";

/** What the KDC found in a ticket-granting ticket that a trusted realm issued. */
export interface ForeignClientFacts {
  readonly domain: Domain;
  readonly trust: Trust;
  /** The realm that issued the ticket, the trust's partner. */
  readonly issuer: string;
  /** The client's own realm. */
  readonly clientRealm: string;
  /** Realms between the client's and the issuer; `undefined`: not readable. */
  readonly transited: readonly string[] | undefined;
  readonly pac: "present" | "absent";
  /** The PAC's signature made with the trust's key. */
  readonly pacSignature: SignatureState;
  /** Domain of the account the PAC describes. */
  readonly logonDomainSid: string | undefined;
  readonly profile?: KdcProfile | undefined;
}

/**
 * Whether a client from a trusted realm is believed: RFC 4120 section 3.3.3.2, MS-KILE section 3.3.5.7.5, MS-PAC section
 * 4.1.2.2. A partner speaks for itself and, when the trust is transitive, for the realms below its name; never for this
 * domain.
 */
export function foreignClientDecision(facts: ForeignClientFacts): { readonly allowed: true } | Refusal {
  const { domain, trust, issuer, clientRealm, transited, profile = activeDirectory } = facts;
  const { KDC_ERR_POLICY, KRB_AP_ERR_MODIFIED, KDC_ERR_TGT_REVOKED, KDC_ERR_PATH_NOT_ACCEPTED } = ErrorCode;
  const no = (code: number, id: Reason["id"], sentence: string): Refusal =>
    refuse(profile, code, NtStatus.STATUS_TRUST_FAILURE, { id, sentence, lifts: [] });
  if (clientRealm.toLowerCase() === domain.dnsName) {
    return no(
      KDC_ERR_POLICY,
      "foreign-ticket-of-own-client",
      `${issuer} issued a ticket in the name of a client of ${domain.realm} itself.`,
    );
  }
  const path = transited === undefined ? undefined : [clientRealm, ...transited];
  const speaksFor = (realm: string): boolean => mayName(trust, realm);
  const stranger = path?.find((realm) => !speaksFor(realm));
  if (path === undefined || stranger !== undefined) {
    return no(
      KDC_ERR_PATH_NOT_ACCEPTED,
      "transited-not-trusted",
      stranger === undefined
        ? `The realms that the ticket from ${issuer} went through cannot be read.`
        : `The trust with ${trust.partner} does not extend to ${stranger.slice(0, 80)}.`,
    );
  }
  if (trust.type === TrustType.mit) return { allowed: true };
  if (facts.pac === "absent" || facts.logonDomainSid === undefined) {
    return no(KDC_ERR_TGT_REVOKED, "foreign-pac-missing", `The ticket from ${issuer} carries no PAC.`);
  }
  if (facts.pacSignature !== "valid") {
    return no(
      KRB_AP_ERR_MODIFIED,
      "foreign-pac-forged",
      `The PAC in the ticket from ${issuer} is not signed with the trust's key.`,
    );
  }
  if (!mayAssert(trust, domain, facts.logonDomainSid)) {
    return no(
      KDC_ERR_POLICY,
      "foreign-pac-domain",
      `The PAC from ${issuer} describes an account of ${facts.logonDomainSid}, for which it does not speak.`,
    );
  }
  return { allowed: true };
}

/** Whether a trust lets clients pass on to a third realm: both it and the other trust must be transitive. */
export function isTransitive(trust: Trust): boolean {
  const { nonTransitive, forestTransitive, withinForest } = TrustAttributes;
  if ((trust.attributes & nonTransitive) !== 0) return false;
  return trust.type === TrustType.mit || (trust.attributes & (forestTransitive | withinForest)) !== 0;
}

/**
 * SID filtering: which of the groups a partner's PAC claims are let in, MS-PAC section 4.1.2.2. Never those of this
 * domain or of the machine (BUILTIN); across a forest trust those of the forest's other domains, but not their
 * administrators (RIDs below 1000); otherwise the partner's own.
 */
export function isForeignSidAllowed(
  trust: Trust,
  domain: Domain,
  logonDomainSid: string,
  sid: string,
): boolean {
  if (assertedIdentities.has(sid)) return true;
  const cut = sid.lastIndexOf("-");
  const issuer = sid.slice(0, cut);
  if (!/^S-1-5-21-\d+-\d+-\d+$/.test(issuer) || !mayAssert(trust, domain, issuer)) return false;
  return issuer === logonDomainSid || Number(sid.slice(cut + 1)) >= 1000;
}

/** S-1-18-1 and S-1-18-2 say how the identity came about, and grant nothing. */
const assertedIdentities: ReadonlySet<string> = new Set(["S-1-18-1", "S-1-18-2"]);

function mayAssert(trust: Trust, domain: Domain, domainSid: string): boolean {
  if (domainSid === domain.sid) return false;
  const { quarantined, treatAsExternal } = TrustAttributes;
  const forest = isTransitive(trust) && (trust.attributes & (quarantined | treatAsExternal)) === 0;
  return forest || domainSid === trust.sid;
}

function mayName(trust: Trust, realm: string): boolean {
  const name = realm.toLowerCase();
  const partner = trust.partner.toLowerCase();
  return name === partner || (isTransitive(trust) && name.endsWith(`.${partner}`));
}

/** A client of another realm asks for something that only accounts of this domain get. */
export function foreignClientLimit(
  what: "act-for-others" | "own-tgt" | "pass-on",
  client: string,
  profile: KdcProfile = activeDirectory,
): Refusal {
  const [id, status, sentence] = limits[what];
  return refuse(profile, ErrorCode.KDC_ERR_POLICY, status, {
    id,
    sentence: `${client} ${sentence}`,
    lifts: [],
  });
}

const limits = {
  "act-for-others": [
    "delegation-across-realms",
    NtStatus.STATUS_CROSSREALM_DELEGATION_FAILURE,
    "belongs to another realm; constrained delegation across realms is not done here.",
  ],
  "own-tgt": [
    "foreign-client-tgt",
    undefined,
    "belongs to another realm and gets its ticket-granting tickets there.",
  ],
  "pass-on": [
    "trust-not-transitive",
    NtStatus.STATUS_TRUST_FAILURE,
    "came here over a trust that does not lead on to a third realm.",
  ],
} as const;
