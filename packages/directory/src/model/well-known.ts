import type { GroupScope } from "./account.ts";

/** Relative identifiers every domain has: MS-ADTS section 6.1.1.6, MS-DTYP section 2.4.2.4. */
export const WellKnownRid = {
  administrator: 500,
  guest: 501,
  krbtgt: 502,
  domainAdmins: 512,
  domainUsers: 513,
  domainGuests: 514,
  domainComputers: 515,
  domainControllers: 516,
  certPublishers: 517,
  schemaAdmins: 518,
  enterpriseAdmins: 519,
  groupPolicyCreatorOwners: 520,
  readOnlyDomainControllers: 521,
  cloneableDomainControllers: 522,
  protectedUsers: 525,
  keyAdmins: 526,
  enterpriseKeyAdmins: 527,
  rasAndIasServers: 553,
  allowedRodcPasswordReplication: 571,
  deniedRodcPasswordReplication: 572,
} as const;

export const WellKnownSid = {
  everyone: "S-1-1-0",
  creatorOwner: "S-1-3-0",
  network: "S-1-5-2",
  anonymous: "S-1-5-7",
  enterpriseDomainControllers: "S-1-5-9",
  self: "S-1-5-10",
  authenticatedUsers: "S-1-5-11",
  system: "S-1-5-18",
  /** The client proved its identity to the KDC. */
  authenticationAuthorityAssertedIdentity: "S-1-18-1",
  /** A service asserted the client's identity (protocol transition). */
  serviceAssertedIdentity: "S-1-18-2",
  administrators: "S-1-5-32-544",
  users: "S-1-5-32-545",
  guests: "S-1-5-32-546",
  accountOperators: "S-1-5-32-548",
  serverOperators: "S-1-5-32-549",
  preWindows2000Access: "S-1-5-32-554",
  hyperVAdministrators: "S-1-5-32-578",
} as const;

export interface WellKnownGroup {
  readonly name: string;
  readonly rid: number;
  readonly scope: GroupScope;
  /** Names of the groups it starts as a member of. */
  readonly memberOf?: readonly string[];
}

/** Groups in CN=Users; SID = domain SID and RID. */
export const domainGroups: readonly WellKnownGroup[] = [
  {
    name: "Domain Admins",
    rid: 512,
    scope: "global",
    memberOf: ["Administrators", "Denied RODC Password Replication Group"],
  },
  { name: "Domain Users", rid: 513, scope: "global", memberOf: ["Users"] },
  { name: "Domain Guests", rid: 514, scope: "global", memberOf: ["Guests"] },
  { name: "Domain Computers", rid: 515, scope: "global" },
  {
    name: "Domain Controllers",
    rid: 516,
    scope: "global",
    memberOf: ["Denied RODC Password Replication Group"],
  },
  {
    name: "Cert Publishers",
    rid: 517,
    scope: "domain-local",
    memberOf: ["Denied RODC Password Replication Group"],
  },
  {
    name: "Schema Admins",
    rid: 518,
    scope: "universal",
    memberOf: ["Denied RODC Password Replication Group"],
  },
  {
    name: "Enterprise Admins",
    rid: 519,
    scope: "universal",
    memberOf: ["Administrators", "Denied RODC Password Replication Group"],
  },
  {
    name: "Group Policy Creator Owners",
    rid: 520,
    scope: "global",
    memberOf: ["Denied RODC Password Replication Group"],
  },
  {
    name: "Read-only Domain Controllers",
    rid: 521,
    scope: "global",
    memberOf: ["Denied RODC Password Replication Group"],
  },
  { name: "Protected Users", rid: 525, scope: "global" },
  { name: "RAS and IAS Servers", rid: 553, scope: "domain-local" },
  { name: "Allowed RODC Password Replication Group", rid: 571, scope: "domain-local" },
  { name: "Denied RODC Password Replication Group", rid: 572, scope: "domain-local" },
];

/** Groups in CN=Builtin; SID = S-1-5-32 and RID. */
export const builtinGroups: readonly WellKnownGroup[] = [
  { name: "Administrators", rid: 544, scope: "builtin" },
  { name: "Users", rid: 545, scope: "builtin" },
  { name: "Guests", rid: 546, scope: "builtin" },
  { name: "Account Operators", rid: 548, scope: "builtin" },
  { name: "Server Operators", rid: 549, scope: "builtin" },
  { name: "Print Operators", rid: 550, scope: "builtin" },
  { name: "Backup Operators", rid: 551, scope: "builtin" },
  { name: "Replicator", rid: 552, scope: "builtin" },
  { name: "Pre-Windows 2000 Compatible Access", rid: 554, scope: "builtin" },
  { name: "Remote Desktop Users", rid: 555, scope: "builtin" },
  { name: "Network Configuration Operators", rid: 556, scope: "builtin" },
  { name: "Performance Monitor Users", rid: 558, scope: "builtin" },
  { name: "Performance Log Users", rid: 559, scope: "builtin" },
  { name: "Windows Authorization Access Group", rid: 560, scope: "builtin" },
  { name: "Distributed COM Users", rid: 562, scope: "builtin" },
  { name: "Event Log Readers", rid: 573, scope: "builtin" },
  { name: "Hyper-V Administrators", rid: 578, scope: "builtin" },
  { name: "Access Control Assistance Operators", rid: 579, scope: "builtin" },
  { name: "Remote Management Users", rid: 580, scope: "builtin" },
];
