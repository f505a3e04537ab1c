import { type Account, type DirectoryView, type Trust, TrustDirection } from "@waybill/directory";
import { NameType, type PrincipalName } from "@waybill/kerberos";
import { serviceDecision } from "../policy/index.ts";
import { granted, KdcRefusal } from "./refusal.ts";

/** The name as people write it: components joined by slashes, spaces as they are. */
export function nameText(name: PrincipalName | undefined): string {
  return name === undefined ? "" : name.nameString.join("/");
}

/** Whether `realm` names this domain: its realm, DNS name or NetBIOS name, whatever the case. */
export function isOwnRealm(directory: DirectoryView, realm: string): boolean {
  const { domain } = directory;
  if (realm === domain.realm) return true;
  const lower = realm.toLowerCase();
  return (
    lower === domain.realm.toLowerCase() ||
    lower === domain.dnsName ||
    lower === domain.netbiosName.toLowerCase()
  );
}

/** The realm a krbtgt name grants tickets for, or `undefined` for another name. */
export function ticketGrantingRealm(name: PrincipalName): string | undefined {
  const [service, realm] = name.nameString;
  return name.nameString.length === 2 && service?.toLowerCase() === "krbtgt" ? realm : undefined;
}

/** `krbtgt/REALM` of this domain. */
export function ticketGrantingName(directory: DirectoryView): PrincipalName {
  return { nameType: NameType.srvInst, nameString: ["krbtgt", directory.domain.realm] };
}

export function isPasswordService(name: PrincipalName): boolean {
  const [service, instance] = name.nameString;
  return name.nameString.length === 2 && service === "kadmin" && instance === "changepw";
}

/**
 * A client's account: MS-KILE section 3.3.5.6.1. Enterprise names are UPNs; others are account names or UPNs. Clients of
 * other realms have no account here, whatever they are called.
 */
export function findClient(
  directory: DirectoryView,
  name: PrincipalName,
  realm: string,
): Account | undefined {
  const text = nameText(name);
  const [only] = name.nameString;
  if (only === undefined || only === "" || !isOwnRealm(directory, realm)) return undefined;
  if (name.nameType === NameType.enterprise) return directory.byUpn(text) ?? directory.byName(text);
  if (name.nameString.length > 1) {
    if (ticketGrantingRealm(name) !== undefined) return directory.krbtgt;
    return directory.byUpn(`${text}@${realm}`);
  }
  if (name.nameType === NameType.msPrincipal) return directory.byName(text.slice(text.indexOf("\\") + 1));
  return directory.byName(only) ?? directory.byUpn(`${text}@${realm}`) ?? directory.byUpn(text);
}

/** A service and the name its tickets carry. */
export interface FoundService {
  readonly account: Account;
  readonly name: PrincipalName;
  readonly kind: "ticket-granting" | "password-change" | "service" | "referral";
}

/**
 * The account behind a service name: krbtgt, kadmin/changepw, an SPN or HOST alias, or an account by its own name; for a
 * host of a trusting realm, the way there.
 *
 * @throws KdcRefusal KDC_ERR_S_PRINCIPAL_UNKNOWN
 */
export function findServiceOrReferral(
  directory: DirectoryView,
  name: PrincipalName,
  realm: string,
): FoundService {
  try {
    return findService(directory, name, realm);
  } catch (error) {
    const referral =
      error instanceof KdcRefusal && error.reason === "service-unknown"
        ? referralFor(directory, name)
        : undefined;
    if (referral === undefined) throw error;
    return referral;
  }
}

/** A ticket-granting ticket for the realm whose hosts end like this one: RFC 6806 section 8, the longest name first. */
function referralFor(directory: DirectoryView, name: PrincipalName): FoundService | undefined {
  const host = name.nameString[1]?.toLowerCase();
  if (host === undefined) return undefined;
  const [trust] = directory
    .trusts()
    .filter(({ partner }) => host === partner.toLowerCase() || host.endsWith(`.${partner.toLowerCase()}`))
    .sort((left, right) => right.partner.length - left.partner.length);
  const account = trust === undefined ? undefined : trustAccount(directory, trust.partner);
  if (trust === undefined || account === undefined) return undefined;
  const nameString = ["krbtgt", trust.partner.toUpperCase()];
  return { account, name: { nameType: NameType.srvInst, nameString }, kind: "referral" };
}

/** The same in this realm only. @throws KdcRefusal KDC_ERR_S_PRINCIPAL_UNKNOWN */
export function findService(directory: DirectoryView, name: PrincipalName, realm: string): FoundService {
  const text = nameText(name);
  const target = ticketGrantingRealm(name);
  if (target !== undefined) {
    if (isOwnRealm(directory, target)) {
      return { account: directory.krbtgt, name, kind: "ticket-granting" };
    }
    const trust = trustAccount(directory, target);
    if (trust !== undefined) return { account: trust, name, kind: "referral" };
    throw unknownService(text, "no-trust-to-realm");
  }
  if (isPasswordService(name)) return { account: directory.krbtgt, name, kind: "password-change" };
  const account = name.nameString.length > 1 ? bySpn(directory, text) : byOwnName(directory, name, realm);
  if (account === undefined) throw unknownService(text, "service-unknown");
  return { account, name, kind: account === directory.krbtgt ? "ticket-granting" : "service" };
}

function byOwnName(directory: DirectoryView, name: PrincipalName, realm: string): Account | undefined {
  const [only = ""] = name.nameString;
  if (name.nameType === NameType.enterprise) {
    return only.includes("/") ? bySpn(directory, only) : directory.byUpn(only);
  }
  return directory.byName(only) ?? directory.byUpn(`${only}@${realm}`);
}

function bySpn(directory: DirectoryView, spn: string): Account {
  return granted(serviceDecision(directory, spn)).account;
}

/**
 * The trust with another realm. `inbound`: that realm trusts this one and takes its tickets; `outbound`: this one
 * trusts that realm. MS-ADTS section 6.1.6.7.12.
 */
export function trustTo(
  directory: DirectoryView,
  realm: string,
  direction: "inbound" | "outbound",
): Trust | undefined {
  const lower = realm.toLowerCase();
  const bit = TrustDirection[direction];
  return directory
    .trusts()
    .find((trust) => trust.partner.toLowerCase() === lower && (trust.direction & bit) !== 0);
}

/** The account that holds the keys of tickets to `realm`. */
function trustAccount(directory: DirectoryView, realm: string): Account | undefined {
  const trust = trustTo(directory, realm, "inbound");
  return trust?.netbiosName === undefined ? undefined : directory.bySam(`${trust.netbiosName}$`);
}

function unknownService(service: string, reason: string): KdcRefusal {
  return new KdcRefusal("KDC_ERR_S_PRINCIPAL_UNKNOWN", `no account has the service name ${service}`, {
    reason,
    facts: { service },
  });
}
