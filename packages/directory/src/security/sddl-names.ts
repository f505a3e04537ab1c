import { DirectoryError } from "../errors.ts";
import { WellKnownRid } from "../model/well-known.ts";
import { AceFlags, AceType, SecurityDescriptorControl } from "./security-descriptor.ts";

/** SID strings of MS-DTYP section 2.5.1.1 that mean the same everywhere. */
export const fixedSids: Readonly<Record<string, string>> = {
  WD: "S-1-1-0",
  CO: "S-1-3-0",
  CG: "S-1-3-1",
  OW: "S-1-3-4",
  NU: "S-1-5-2",
  IU: "S-1-5-4",
  SU: "S-1-5-6",
  AN: "S-1-5-7",
  ED: "S-1-5-9",
  PS: "S-1-5-10",
  AU: "S-1-5-11",
  RC: "S-1-5-12",
  SY: "S-1-5-18",
  LS: "S-1-5-19",
  NS: "S-1-5-20",
  AS: "S-1-18-1",
  SS: "S-1-18-2",
  BA: "S-1-5-32-544",
  BU: "S-1-5-32-545",
  BG: "S-1-5-32-546",
  PU: "S-1-5-32-547",
  AO: "S-1-5-32-548",
  SO: "S-1-5-32-549",
  PO: "S-1-5-32-550",
  BO: "S-1-5-32-551",
  RE: "S-1-5-32-552",
  RU: "S-1-5-32-554",
  RD: "S-1-5-32-555",
  NO: "S-1-5-32-556",
  MU: "S-1-5-32-558",
  LU: "S-1-5-32-559",
  IS: "S-1-5-32-568",
  CY: "S-1-5-32-569",
  ER: "S-1-5-32-573",
  CD: "S-1-5-32-574",
  HA: "S-1-5-32-578",
  AA: "S-1-5-32-579",
  RM: "S-1-5-32-580",
  AC: "S-1-15-2-1",
  LW: "S-1-16-4096",
  ME: "S-1-16-8192",
  MP: "S-1-16-8448",
  HI: "S-1-16-12288",
  SI: "S-1-16-16384",
};

/** Those that end in a well-known RID of the domain. */
export const domainSids: Readonly<Record<string, number>> = {
  LA: WellKnownRid.administrator,
  LG: WellKnownRid.guest,
  DA: WellKnownRid.domainAdmins,
  DU: WellKnownRid.domainUsers,
  DG: WellKnownRid.domainGuests,
  DC: WellKnownRid.domainComputers,
  DD: WellKnownRid.domainControllers,
  CA: WellKnownRid.certPublishers,
  SA: WellKnownRid.schemaAdmins,
  EA: WellKnownRid.enterpriseAdmins,
  PA: WellKnownRid.groupPolicyCreatorOwners,
  CN: WellKnownRid.cloneableDomainControllers,
  AP: WellKnownRid.protectedUsers,
  KA: WellKnownRid.keyAdmins,
  EK: WellKnownRid.enterpriseKeyAdmins,
  RS: WellKnownRid.rasAndIasServers,
};

export const typeNames: readonly (readonly [string, number])[] = [
  ["A", AceType.accessAllowed],
  ["D", AceType.accessDenied],
  ["AU", AceType.systemAudit],
  ["OA", AceType.accessAllowedObject],
  ["OD", AceType.accessDeniedObject],
  ["OU", AceType.systemAuditObject],
  ["ML", AceType.systemMandatoryLabel],
  ["SP", AceType.systemScopedPolicyId],
];

export const flagNames: readonly (readonly [string, number])[] = [
  ["OI", AceFlags.objectInherit],
  ["CI", AceFlags.containerInherit],
  ["NP", AceFlags.noPropagateInherit],
  ["IO", AceFlags.inheritOnly],
  ["ID", AceFlags.inherited],
  ["SA", AceFlags.successfulAccess],
  ["FA", AceFlags.failedAccess],
];

export const rightNames: readonly (readonly [string, number])[] = [
  ["GA", 0x10000000],
  ["GX", 0x20000000],
  ["GW", 0x40000000],
  ["GR", 0x80000000],
  ["CC", 0x1],
  ["DC", 0x2],
  ["LC", 0x4],
  ["SW", 0x8],
  ["RP", 0x10],
  ["WP", 0x20],
  ["DT", 0x40],
  ["LO", 0x80],
  ["CR", 0x100],
  ["SD", 0x10000],
  ["RC", 0x20000],
  ["WD", 0x40000],
  ["WO", 0x80000],
];

/** Understood but never written: combinations for files and registry keys. */
export const readOnlyRights: readonly (readonly [string, number])[] = [
  ["FA", 0x1f01ff],
  ["FR", 0x120089],
  ["FW", 0x120116],
  ["FX", 0x1200a0],
  ["KA", 0xf003f],
  ["KR", 0x20019],
  ["KW", 0x20006],
  ["KX", 0x20019],
];

export const listFlags = {
  dacl: [
    ["P", SecurityDescriptorControl.daclProtected],
    ["AR", SecurityDescriptorControl.daclAutoInheritRequired],
    ["AI", SecurityDescriptorControl.daclAutoInherited],
  ],
  sacl: [
    ["P", SecurityDescriptorControl.saclProtected],
    ["AR", SecurityDescriptorControl.saclAutoInheritRequired],
    ["AI", SecurityDescriptorControl.saclAutoInherited],
  ],
} as const;

export function present(kind: "dacl" | "sacl"): number {
  return kind === "dacl" ? SecurityDescriptorControl.daclPresent : SecurityDescriptorControl.saclPresent;
}

export function badSddl(text: string, why: string): DirectoryError {
  return new DirectoryError(`the security descriptor cannot be read: ${why}`, {
    code: "BAD_SDDL",
    family: "caller",
    facts: { text: text.slice(0, 120) },
  });
}
