import { DirectoryError } from "../errors.ts";
import { type Domain, domainDefaults, type TicketPolicy } from "../model/domain.ts";
import { fromInterval } from "../names/filetime.ts";
import { decodeSid } from "../security/sid.ts";
import { firstBytes, firstInteger, firstText, type StoredObject } from "../store/stored-object.ts";
import type { DirectoryReader } from "./directory-reader.ts";

/** What is not in AD's attributes: names, the Kerberos policy (a GPO there), the KDC's registry. */
export interface DomainSettings {
  readonly dnsName: string;
  readonly netbiosName: string;
  readonly tickets?: Partial<TicketPolicy> | undefined;
  readonly defaultSupportedEncTypes?: number | undefined;
  readonly upnSuffixes?: readonly string[] | undefined;
}

export const domainSettingsKey = "domain";

const complexityBit = 1;

export function readDomain(reader: DirectoryReader): Domain {
  const settings = reader.store.setting(domainSettingsKey) as DomainSettings | undefined;
  const id = settings === undefined ? undefined : reader.idOfDn(dnOfName(settings.dnsName));
  const root = id === undefined ? undefined : reader.store.object(id);
  if (settings === undefined || root === undefined) {
    throw new DirectoryError("the directory holds no domain", {
      code: "NO_DOMAIN",
      family: "caller",
      remedy: "Create the domain first.",
    });
  }
  const sid = firstBytes(root, "objectsid");
  return {
    realm: settings.dnsName.toUpperCase(),
    dnsName: settings.dnsName,
    netbiosName: settings.netbiosName,
    dn: reader.dnOf(root.id),
    sid: sid === undefined ? "" : decodeSid(sid),
    functionalLevel: firstInteger(root, "msds-behavior-version") ?? domainDefaults.functionalLevel,
    lockout: lockoutPolicy(root),
    passwords: passwordPolicy(root),
    tickets: { ...domainDefaults.tickets, ...settings.tickets },
    defaultSupportedEncTypes: settings.defaultSupportedEncTypes ?? domainDefaults.defaultSupportedEncTypes,
    upnSuffixes: settings.upnSuffixes ?? [],
    machineAccountQuota:
      firstInteger(root, "ms-ds-machineaccountquota") ?? domainDefaults.machineAccountQuota,
  };
}

function dnOfName(dnsName: string): string {
  return dnsName
    .split(".")
    .map((label) => `DC=${label}`)
    .join(",");
}

function lockoutPolicy(root: StoredObject): Domain["lockout"] {
  const defaults = domainDefaults.lockout;
  const duration = firstText(root, "lockoutduration");
  return {
    threshold: firstInteger(root, "lockoutthreshold") ?? defaults.threshold,
    duration: duration === undefined ? defaults.duration : fromInterval(duration),
    observationWindow:
      fromInterval(firstText(root, "lockoutobservationwindow")) ?? defaults.observationWindow,
  };
}

function passwordPolicy(root: StoredObject): Domain["passwords"] {
  const defaults = domainDefaults.passwords;
  const maxAge = firstText(root, "maxpwdage");
  const minAge = firstText(root, "minpwdage");
  const properties = firstInteger(root, "pwdproperties");
  return {
    maxAge: maxAge === undefined ? defaults.maxAge : fromInterval(maxAge) || undefined,
    minAge: minAge === undefined ? defaults.minAge : (fromInterval(minAge) ?? 0),
    minLength: firstInteger(root, "minpwdlength") ?? defaults.minLength,
    historyLength: firstInteger(root, "pwdhistorylength") ?? defaults.historyLength,
    complexity: properties === undefined ? defaults.complexity : (properties & complexityBit) !== 0,
  };
}
