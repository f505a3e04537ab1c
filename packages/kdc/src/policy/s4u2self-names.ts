import { type Account, type DirectoryView, type Domain, hasFlag } from "@waybill/directory";
import { ErrorCode, NtStatus } from "@waybill/kerberos";
import { type Refusal, refuse } from "./decision.ts";
import { activeDirectory, type KdcProfile } from "./profile.ts";
import { factOf, type Reason } from "./reason.ts";

/** A service may ask for a ticket to itself only: MS-SFU section 3.2.5.1.1. */
export function s4u2selfTargetDecision(
  requester: Account,
  target: Account | undefined,
  profile: KdcProfile = activeDirectory,
): { readonly allowed: true } | Refusal {
  if (target !== undefined && target.sid === requester.sid) return { allowed: true };
  return refuse(profile, ErrorCode.KRB_AP_ERR_BADMATCH, undefined, {
    id: "s4u2self-not-own-name",
    sentence:
      target === undefined
        ? `${requester.samAccountName} asked for a ticket in a user's name to a service that does not exist.`
        : `${requester.samAccountName} asked for a ticket in a user's name to ${target.samAccountName}, not to itself.`,
    fact: target === undefined ? undefined : factOf(target, "servicePrincipalName", target.samAccountName),
    lifts: [{ kind: "ask-differently", how: `Ask for a ticket to ${requester.samAccountName} itself.` }],
  });
}

/** The user of an S4U2Self request by name: sAMAccountName or UPN. Foreign realms and certificates are refused. */
export function s4u2selfUserDecision(
  view: DirectoryView,
  request: {
    readonly name: string;
    readonly realm: string;
    readonly enterprise: boolean;
    readonly certificate: boolean;
  },
  profile: KdcProfile = activeDirectory,
): { readonly allowed: true; readonly account: Account } | Refusal {
  const { domain } = view;
  if (request.certificate && request.name === "") {
    return refuse(profile, ErrorCode.KDC_ERR_PADATA_TYPE_NOSUPP, undefined, certificateReason);
  }
  if (!isOwnRealm(request.realm, domain)) {
    return refuse(profile, ErrorCode.KDC_ERR_POLICY, NtStatus.STATUS_NO_MATCH, foreignReason(request.realm));
  }
  // MIT's kvno sends every name as NT-ENTERPRISE, even one without a suffix.
  const byName =
    request.enterprise && request.name.includes("@")
      ? view.byUpn(request.name)
      : (view.byName(request.name) ?? upnInDomain(view, request.name));
  if (byName !== undefined && !hasFlag(byName.userAccountControl, "interdomainTrustAccount")) {
    return { allowed: true, account: byName };
  }
  return refuse(profile, ErrorCode.KDC_ERR_C_PRINCIPAL_UNKNOWN, NtStatus.STATUS_NO_SUCH_USER, {
    id: "s4u2self-unknown-user",
    sentence: `There is no user ${request.name} in ${domain.realm}.`,
    lifts: [],
  });
}

function upnInDomain(view: DirectoryView, name: string): Account | undefined {
  return name.includes("@") ? view.byUpn(name) : view.byUpn(`${name}@${view.domain.dnsName}`);
}

function isOwnRealm(realm: string, domain: Domain): boolean {
  const name = realm.toLowerCase();
  return name === domain.dnsName || name === domain.netbiosName.toLowerCase();
}

const certificateReason: Reason = {
  id: "s4u2self-certificate",
  sentence: "Users cannot be named by certificate here.",
  lifts: [{ kind: "ask-differently", how: "Name the user by account name or UPN." }],
};

function foreignReason(realm: string): Reason {
  return {
    id: "s4u2self-foreign-user",
    sentence: `Users of ${realm.slice(0, 80)} cannot be impersonated with a ticket-granting ticket of this realm.`,
    lifts: [{ kind: "ask-differently", how: "Ask the user's own realm, by way of a referral." }],
  };
}
