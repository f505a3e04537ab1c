import { type LdapAttribute, textAttribute } from "@waybill/ldap";
import { FunctionalLevel } from "../model/domain.ts";
import { toGeneralizedTime } from "../names/filetime.ts";
import type { DirectoryReader } from "../reader/directory-reader.ts";

export interface RootDseFacts {
  /** This controller's full host name. */
  readonly dnsHostName: string;
  readonly now: number;
}

/** The root DSE of a domain controller: MS-ADTS section 3.1.1.3.2. */
export function rootDse(reader: DirectoryReader, { dnsHostName, now }: RootDseFacts): LdapAttribute[] {
  const { domain } = reader;
  const configuration = `CN=Configuration,${domain.dn}`;
  const [hostName = ""] = dnsHostName.split(".");
  const server = `CN=${hostName.toUpperCase()},CN=Servers,CN=Default-First-Site-Name,CN=Sites,${configuration}`;
  const level = String(domain.functionalLevel);
  return [
    textAttribute("defaultNamingContext", domain.dn),
    textAttribute("rootDomainNamingContext", domain.dn),
    textAttribute("configurationNamingContext", configuration),
    textAttribute("schemaNamingContext", `CN=Schema,${configuration}`),
    textAttribute("namingContexts", domain.dn, configuration, `CN=Schema,${configuration}`),
    textAttribute("subschemaSubentry", `CN=Aggregate,CN=Schema,${configuration}`),
    textAttribute("dnsHostName", dnsHostName),
    textAttribute("serverName", server),
    textAttribute("dsServiceName", `CN=NTDS Settings,${server}`),
    textAttribute("ldapServiceName", `${domain.dnsName}:${hostName.toLowerCase()}$@${domain.realm}`),
    textAttribute("currentTime", toGeneralizedTime(now)),
    textAttribute("highestCommittedUSN", String(reader.version)),
    textAttribute("domainFunctionality", level),
    textAttribute("forestFunctionality", level),
    textAttribute("domainControllerFunctionality", String(FunctionalLevel.windows2016)),
    textAttribute("isSynchronized", "TRUE"),
    textAttribute("isGlobalCatalogReady", "TRUE"),
    textAttribute("supportedLDAPPolicies", "MaxPageSize", "MaxQueryDuration", "MaxValRange"),
    // Active Directory, its 2003, 2008 and 2012 R2 generations, and signing: MS-ADTS section 3.1.1.3.4.3.
    textAttribute(
      "supportedCapabilities",
      "1.2.840.113556.1.4.800",
      "1.2.840.113556.1.4.1670",
      "1.2.840.113556.1.4.1791",
      "1.2.840.113556.1.4.1935",
      "1.2.840.113556.1.4.2080",
      "1.2.840.113556.1.4.2237",
    ),
  ];
}
