/** What is read of every object. */
export const objectAttributes: readonly string[] = [
  "objectClass",
  "objectSid",
  "objectGUID",
  "sAMAccountName",
  "userPrincipalName",
  "dNSHostName",
  "servicePrincipalName",
  "userAccountControl",
  "primaryGroupID",
  "groupType",
  "member",
  "msDS-SupportedEncryptionTypes",
  "msDS-KeyVersionNumber",
  "msDS-AllowedToDelegateTo",
  "msDS-AllowedToActOnBehalfOfOtherIdentity",
  "accountExpires",
  "logonHours",
  "userWorkstations",
  "pwdLastSet",
  "lockoutTime",
  "badPwdCount",
  "badPasswordTime",
  "operatingSystem",
  "trustPartner",
  "flatName",
  "securityIdentifier",
  "trustDirection",
  "trustType",
  "trustAttributes",
];

/** What is read of the head of the domain. */
export const domainAttributes: readonly string[] = [
  "objectClass",
  "objectSid",
  "msDS-Behavior-Version",
  "lockoutThreshold",
  "lockoutDuration",
  "lockOutObservationWindow",
  "maxPwdAge",
  "minPwdAge",
  "minPwdLength",
  "pwdHistoryLength",
  "pwdProperties",
  "ms-DS-MachineAccountQuota",
  "wellKnownObjects",
];

/** What is read of the forest's configuration. */
export const configurationAttributes: readonly string[] = [
  "objectClass",
  "nCName",
  "nETBIOSName",
  "dnsRoot",
  "sPNMappings",
];

/** All that decisions and findings rest on, in lower case: the rest of an export is passed over. */
export const exportAttributes: ReadonlySet<string> = new Set(
  [
    ...objectAttributes,
    ...domainAttributes,
    ...configurationAttributes,
    "memberOf",
    "nTSecurityDescriptor",
  ].map((name) => name.toLowerCase()),
);
