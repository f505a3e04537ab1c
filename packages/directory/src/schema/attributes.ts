/** How values of an attribute are written and compared: MS-ADTS section 3.1.1.2.2. */
export type AttributeSyntax =
  | "text"
  | "case-sensitive"
  | "integer"
  | "large-integer"
  | "boolean"
  | "oid"
  | "time"
  | "dn"
  | "dn-binary"
  | "octets"
  | "sid"
  | "security-descriptor";

export interface AttributeType {
  readonly name: string;
  readonly oid: string;
  readonly syntax: AttributeSyntax;
  readonly single: boolean;
  /** Set by the directory alone. */
  readonly system: boolean;
  /** Not in the answer to `*`. */
  readonly operational: boolean;
  /** Never in any answer. */
  readonly secret: boolean;
}

type Mark = "single" | "system" | "operational" | "secret";

const rows: readonly (readonly [name: string, oid: string, syntax: AttributeSyntax, ...marks: Mark[]])[] = [
  ["objectClass", "2.5.4.0", "oid"],
  ["objectCategory", "1.2.840.113556.1.4.782", "dn", "single"],
  ["cn", "2.5.4.3", "text", "single"],
  ["name", "1.2.840.113556.1.4.1", "text", "single", "system"],
  ["distinguishedName", "2.5.4.49", "dn", "single", "system"],
  ["objectGUID", "1.2.840.113556.1.4.2", "octets", "single", "system"],
  ["objectSid", "1.2.840.113556.1.4.146", "sid", "single", "system"],
  ["sAMAccountName", "1.2.840.113556.1.4.221", "text", "single"],
  ["sAMAccountType", "1.2.840.113556.1.4.302", "integer", "single", "system"],
  ["userPrincipalName", "1.2.840.113556.1.4.656", "text", "single"],
  ["servicePrincipalName", "1.2.840.113556.1.4.771", "text"],
  ["dNSHostName", "1.2.840.113556.1.4.619", "text", "single"],
  ["displayName", "1.2.840.113556.1.2.13", "text", "single"],
  ["description", "2.5.4.13", "text"],
  ["givenName", "2.5.4.42", "text", "single"],
  ["sn", "2.5.4.4", "text", "single"],
  ["initials", "2.5.4.43", "text", "single"],
  ["mail", "0.9.2342.19200300.100.1.3", "text", "single"],
  ["telephoneNumber", "2.5.4.20", "text", "single"],
  ["title", "2.5.4.12", "text", "single"],
  ["department", "1.2.840.113556.1.2.141", "text", "single"],
  ["company", "1.2.840.113556.1.2.146", "text", "single"],
  ["info", "1.2.840.113556.1.2.81", "text", "single"],
  ["street", "2.5.4.9", "text", "single"],
  ["l", "2.5.4.7", "text", "single"],
  ["st", "2.5.4.8", "text", "single"],
  ["c", "2.5.4.6", "text", "single"],
  ["o", "2.5.4.10", "text"],
  ["ou", "2.5.4.11", "text"],
  ["dc", "0.9.2342.19200300.100.1.25", "text", "single"],
  ["uid", "0.9.2342.19200300.100.1.1", "text"],
  ["uidNumber", "1.3.6.1.1.1.1.0", "integer", "single"],
  ["gidNumber", "1.3.6.1.1.1.1.1", "integer", "single"],
  ["unixHomeDirectory", "1.3.6.1.1.1.1.3", "case-sensitive", "single"],
  ["loginShell", "1.3.6.1.1.1.1.4", "case-sensitive", "single"],
  ["userAccountControl", "1.2.840.113556.1.4.8", "integer", "single"],
  [
    "msDS-User-Account-Control-Computed",
    "1.2.840.113556.1.4.1460",
    "integer",
    "single",
    "system",
    "operational",
  ],
  ["primaryGroupID", "1.2.840.113556.1.4.98", "integer", "single"],
  ["groupType", "1.2.840.113556.1.4.750", "integer", "single"],
  ["member", "2.5.4.31", "dn"],
  ["memberOf", "1.2.840.113556.1.2.102", "dn", "system"],
  ["managedBy", "1.2.840.113556.1.4.653", "dn", "single"],
  ["manager", "0.9.2342.19200300.100.1.10", "dn", "single"],
  ["tokenGroups", "1.2.840.113556.1.4.1301", "sid", "system", "operational"],
  ["accountExpires", "1.2.840.113556.1.4.159", "large-integer", "single"],
  ["pwdLastSet", "1.2.840.113556.1.4.96", "large-integer", "single"],
  ["badPwdCount", "1.2.840.113556.1.4.12", "integer", "single", "system"],
  ["badPasswordTime", "1.2.840.113556.1.4.49", "large-integer", "single", "system"],
  ["lockoutTime", "1.2.840.113556.1.4.662", "large-integer", "single"],
  ["lastLogon", "1.2.840.113556.1.4.52", "large-integer", "single", "system"],
  ["lastLogoff", "1.2.840.113556.1.4.51", "large-integer", "single", "system"],
  ["lastLogonTimestamp", "1.2.840.113556.1.4.1696", "large-integer", "single", "system"],
  ["logonCount", "1.2.840.113556.1.4.169", "integer", "single", "system"],
  ["logonHours", "1.2.840.113556.1.4.64", "octets", "single"],
  ["userWorkstations", "1.2.840.113556.1.4.86", "text", "single"],
  ["codePage", "1.2.840.113556.1.4.16", "integer", "single"],
  ["countryCode", "1.2.840.113556.1.4.25", "integer", "single"],
  ["adminCount", "1.2.840.113556.1.4.150", "integer", "single"],
  ["unicodePwd", "1.2.840.113556.1.4.90", "octets", "single", "secret"],
  ["userPassword", "2.5.4.35", "octets", "secret"],
  ["dBCSPwd", "1.2.840.113556.1.4.55", "octets", "single", "secret"],
  ["ntPwdHistory", "1.2.840.113556.1.4.94", "octets", "secret"],
  ["lmPwdHistory", "1.2.840.113556.1.4.160", "octets", "secret"],
  ["supplementalCredentials", "1.2.840.113556.1.4.125", "octets", "secret"],
  ["currentValue", "1.2.840.113556.1.4.27", "octets", "single", "secret"],
  ["priorValue", "1.2.840.113556.1.4.100", "octets", "single", "secret"],
  ["initialAuthIncoming", "1.2.840.113556.1.4.539", "text", "single", "secret"],
  ["initialAuthOutgoing", "1.2.840.113556.1.4.540", "text", "single", "secret"],
  ["trustAuthIncoming", "1.2.840.113556.1.4.129", "octets", "single", "secret"],
  ["trustAuthOutgoing", "1.2.840.113556.1.4.135", "octets", "single", "secret"],
  [
    "ms-Mcs-AdmPwd",
    "1.2.840.113556.1.8000.2554.50051.45980.28112.18903.35903.6685103.1224907.2.1",
    "text",
    "single",
    "secret",
  ],
  ["msDS-ManagedPassword", "1.2.840.113556.1.4.2196", "octets", "single", "system", "operational", "secret"],
  ["msDS-ManagedPasswordId", "1.2.840.113556.1.4.2197", "octets", "single", "system"],
  ["msDS-ManagedPasswordInterval", "1.2.840.113556.1.4.2199", "integer", "single"],
  ["msDS-GroupMSAMembership", "1.2.840.113556.1.4.2200", "security-descriptor", "single"],
  ["msDS-AllowedToDelegateTo", "1.2.840.113556.1.4.1787", "text"],
  ["msDS-AllowedToActOnBehalfOfOtherIdentity", "1.2.840.113556.1.4.2182", "security-descriptor", "single"],
  ["msDS-SupportedEncryptionTypes", "1.2.840.113556.1.4.1963", "integer", "single"],
  ["msDS-KeyVersionNumber", "1.2.840.113556.1.4.1782", "integer", "single", "system", "operational"],
  ["msDS-KeyCredentialLink", "1.2.840.113556.1.4.2328", "dn-binary"],
  ["msDS-AdditionalDnsHostName", "1.2.840.113556.1.4.1717", "text"],
  ["msDS-AdditionalSamAccountName", "1.2.840.113556.1.4.1718", "text"],
  ["msDS-HostServiceAccount", "1.2.840.113556.1.4.2056", "dn"],
  ["msDS-CreatorSID", "1.2.840.113556.1.4.1410", "sid", "single", "system"],
  ["msDS-PrincipalName", "1.2.840.113556.1.4.1865", "text", "single", "system", "operational"],
  [
    "msDS-UserPasswordExpiryTimeComputed",
    "1.2.840.113556.1.4.1996",
    "large-integer",
    "single",
    "system",
    "operational",
  ],
  ["msDS-ResultantPSO", "1.2.840.113556.1.4.2022", "dn", "single", "system", "operational"],
  ["msDS-LogonTimeSyncInterval", "1.2.840.113556.1.4.1784", "integer", "single"],
  ["altSecurityIdentities", "1.2.840.113556.1.4.867", "text"],
  ["operatingSystem", "1.2.840.113556.1.4.363", "text", "single"],
  ["operatingSystemVersion", "1.2.840.113556.1.4.364", "text", "single"],
  ["operatingSystemServicePack", "1.2.840.113556.1.4.365", "text", "single"],
  ["operatingSystemHotfix", "1.2.840.113556.1.4.415", "text", "single"],
  ["location", "1.2.840.113556.1.4.222", "text", "single"],
  ["isCriticalSystemObject", "1.2.840.113556.1.4.868", "boolean", "single"],
  ["showInAdvancedViewOnly", "1.2.840.113556.1.2.169", "boolean", "single"],
  ["systemFlags", "1.2.840.113556.1.4.375", "integer", "single"],
  ["instanceType", "1.2.840.113556.1.2.1", "integer", "single", "system"],
  ["whenCreated", "1.2.840.113556.1.2.2", "time", "single", "system"],
  ["whenChanged", "1.2.840.113556.1.2.3", "time", "single", "system"],
  ["uSNCreated", "1.2.840.113556.1.2.19", "large-integer", "single", "system"],
  ["uSNChanged", "1.2.840.113556.1.2.120", "large-integer", "single", "system"],
  ["dSCorePropagationData", "1.2.840.113556.1.4.1357", "time", "system"],
  ["nTSecurityDescriptor", "1.2.840.113556.1.2.281", "security-descriptor", "single", "operational"],
  ["sDRightsEffective", "1.2.840.113556.1.4.1304", "integer", "single", "system", "operational"],
  ["allowedAttributesEffective", "1.2.840.113556.1.4.914", "oid", "system", "operational"],
  ["allowedChildClassesEffective", "1.2.840.113556.1.4.912", "oid", "system", "operational"],
  ["canonicalName", "1.2.840.113556.1.4.916", "text", "system", "operational"],
  ["structuralObjectClass", "2.5.21.9", "oid", "system", "operational"],
  ["createTimeStamp", "2.5.18.1", "time", "single", "system", "operational"],
  ["modifyTimeStamp", "2.5.18.2", "time", "single", "system", "operational"],
  ["subSchemaSubEntry", "2.5.18.10", "dn", "single", "system", "operational"],
  ["hasSubordinates", "2.5.18.9", "boolean", "single", "system", "operational"],
  ["sIDHistory", "1.2.840.113556.1.4.609", "sid"],
  ["securityIdentifier", "1.2.840.113556.1.4.121", "sid", "single"],
  ["trustPartner", "1.2.840.113556.1.4.133", "text", "single"],
  ["flatName", "1.2.840.113556.1.4.511", "text", "single"],
  ["trustDirection", "1.2.840.113556.1.4.132", "integer", "single"],
  ["trustType", "1.2.840.113556.1.4.136", "integer", "single"],
  ["trustAttributes", "1.2.840.113556.1.4.470", "integer", "single"],
  ["trustPosixOffset", "1.2.840.113556.1.4.134", "integer", "single"],
  ["lockoutThreshold", "1.2.840.113556.1.4.73", "integer", "single"],
  ["lockoutDuration", "1.2.840.113556.1.4.60", "large-integer", "single"],
  ["lockOutObservationWindow", "1.2.840.113556.1.4.61", "large-integer", "single"],
  ["maxPwdAge", "1.2.840.113556.1.4.74", "large-integer", "single"],
  ["minPwdAge", "1.2.840.113556.1.4.78", "large-integer", "single"],
  ["minPwdLength", "1.2.840.113556.1.4.79", "integer", "single"],
  ["pwdHistoryLength", "1.2.840.113556.1.4.95", "integer", "single"],
  ["pwdProperties", "1.2.840.113556.1.4.93", "integer", "single"],
  ["ms-DS-MachineAccountQuota", "1.2.840.113556.1.4.1411", "integer", "single"],
  ["msDS-Behavior-Version", "1.2.840.113556.1.4.1459", "integer", "single"],
  ["wellKnownObjects", "1.2.840.113556.1.4.618", "dn-binary"],
  ["otherWellKnownObjects", "1.2.840.113556.1.4.1359", "dn-binary"],
  ["gPLink", "1.2.840.113556.1.4.891", "text", "single"],
  ["nTMixedDomain", "1.2.840.113556.1.4.357", "integer", "single"],
  ["fSMORoleOwner", "1.2.840.113556.1.4.369", "dn", "single"],
  ["masteredBy", "1.2.840.113556.1.4.1409", "dn", "system"],
  ["uPNSuffixes", "1.2.840.113556.1.4.890", "text"],
  ["nETBIOSName", "1.2.840.113556.1.4.87", "text", "single"],
  ["nCName", "1.2.840.113556.1.2.16", "dn", "single"],
  ["dnsRoot", "1.2.840.113556.1.4.28", "text"],
  ["sPNMappings", "1.2.840.113556.1.4.1347", "text"],
  ["dSHeuristics", "1.2.840.113556.1.2.212", "text", "single"],
  ["serverReference", "1.2.840.113556.1.4.515", "dn", "single"],
  ["rIDSetReferences", "1.2.840.113556.1.4.669", "dn", "system"],
  ["jpegPhoto", "0.9.2342.19200300.100.1.60", "octets"],
  ["thumbnailPhoto", "2.16.128.113533.1.1400.101", "octets", "single"],
  ["userCertificate", "2.5.4.36", "octets"],
  ["userSMIMECertificate", "2.16.840.1.113730.3.140", "octets"],
  ["cACertificate", "2.5.4.37", "octets"],
  ["mS-DS-ConsistencyGuid", "1.2.840.113556.1.4.1360", "octets", "single"],
  ["msExchMailboxGuid", "1.2.840.113556.1.4.7000.102.11317", "octets", "single"],
  ["isDeleted", "1.2.840.113556.1.2.48", "boolean", "single", "system"],
  ["homeDirectory", "1.2.840.113556.1.4.44", "text", "single"],
  ["homeDrive", "1.2.840.113556.1.4.45", "text", "single"],
  ["profilePath", "1.2.840.113556.1.4.139", "text", "single"],
  ["scriptPath", "1.2.840.113556.1.4.62", "text", "single"],
];

const types: ReadonlyMap<string, AttributeType> = new Map(
  rows.map(([name, oid, syntax, ...marks]) => [
    name.toLowerCase(),
    {
      name,
      oid,
      syntax,
      single: marks.includes("single"),
      system: marks.includes("system"),
      operational: marks.includes("operational"),
      secret: marks.includes("secret"),
    },
  ]),
);

export function attributeType(name: string): AttributeType | undefined {
  return types.get(name.toLowerCase());
}

/** Unknown attributes are text. */
export function attributeSyntax(name: string): AttributeSyntax {
  return types.get(name.toLowerCase())?.syntax ?? "text";
}

/** The name as the schema writes it. */
export function attributeName(name: string): string {
  return types.get(name.toLowerCase())?.name ?? name;
}

const binarySyntaxes: ReadonlySet<AttributeSyntax> = new Set(["octets", "sid", "security-descriptor"]);

/** Whether values are kept as octets rather than text. */
export function isBinary(name: string): boolean {
  return binarySyntaxes.has(attributeSyntax(name));
}

export function attributeTypes(): Iterable<AttributeType> {
  return types.values();
}
