import type { Account, DirectoryView } from "@waybill/directory";
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

/** A client's account: MS-KILE section 3.3.5.6.1. Enterprise names are UPNs; others are account names or UPNs. */
export function findClient(
  directory: DirectoryView,
  name: PrincipalName,
  realm: string,
): Account | undefined {
  const text = nameText(name);
  const [only] = name.nameString;
  if (only === undefined || only === "") return undefined;
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
 * The account behind a service name: krbtgt, kadmin/changepw, an SPN or HOST alias, or an account by its own name.
 *
 * @throws KdcRefusal KDC_ERR_S_PRINCIPAL_UNKNOWN
 */
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

/** The account that holds the keys of an outbound trust to `realm`. */
function trustAccount(directory: DirectoryView, realm: string): Account | undefined {
  const lower = realm.toLowerCase();
  const trust = directory
    .trusts()
    .find((candidate) => candidate.partner.toLowerCase() === lower && (candidate.direction & 2) !== 0);
  if (trust?.netbiosName === undefined) return undefined;
  return directory.bySam(`${trust.netbiosName}$`);
}

function unknownService(service: string, reason: string): KdcRefusal {
  return new KdcRefusal("KDC_ERR_S_PRINCIPAL_UNKNOWN", `no account has the service name ${service}`, {
    reason,
    facts: { service },
  });
}
