import { DirectoryError } from "../errors.ts";
import { WellKnownRid } from "../model/well-known.ts";
import {
  type Ace,
  AceFlags,
  AceType,
  type Acl,
  isObjectAce,
  type SecurityDescriptor,
  SecurityDescriptorControl,
} from "./security-descriptor.ts";
import { encodeSid } from "./sid.ts";

/** SID strings of MS-DTYP section 2.5.1.1 that mean the same everywhere. */
const fixedSids: Readonly<Record<string, string>> = {
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
const domainSids: Readonly<Record<string, number>> = {
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

const typeNames: readonly (readonly [string, number])[] = [
  ["A", AceType.accessAllowed],
  ["D", AceType.accessDenied],
  ["AU", AceType.systemAudit],
  ["OA", AceType.accessAllowedObject],
  ["OD", AceType.accessDeniedObject],
  ["OU", AceType.systemAuditObject],
  ["ML", AceType.systemMandatoryLabel],
  ["SP", AceType.systemScopedPolicyId],
];

const flagNames: readonly (readonly [string, number])[] = [
  ["OI", AceFlags.objectInherit],
  ["CI", AceFlags.containerInherit],
  ["NP", AceFlags.noPropagateInherit],
  ["IO", AceFlags.inheritOnly],
  ["ID", AceFlags.inherited],
  ["SA", AceFlags.successfulAccess],
  ["FA", AceFlags.failedAccess],
];

const rightNames: readonly (readonly [string, number])[] = [
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
const readOnlyRights: readonly (readonly [string, number])[] = [
  ["FA", 0x1f01ff],
  ["FR", 0x120089],
  ["FW", 0x120116],
  ["FX", 0x1200a0],
  ["KA", 0xf003f],
  ["KR", 0x20019],
  ["KW", 0x20006],
  ["KX", 0x20019],
];

/**
 * Reads a descriptor in SDDL, MS-DTYP section 2.5.1.
 *
 * @param domainSid what `DA`, `DU` and the like are relative to
 * @throws DirectoryError BAD_SDDL, for conditional entries too
 */
export function parseSddl(text: string, domainSid?: string): SecurityDescriptor {
  const sections = splitSections(text);
  const sid = (letter: string): string | undefined => {
    const name = sections.get(letter)?.trim();
    return name === undefined || name === "" ? undefined : parseSidName(name, domainSid, text);
  };
  const dacl = parseAcl(sections.get("D"), "dacl", domainSid, text);
  const sacl = parseAcl(sections.get("S"), "sacl", domainSid, text);
  const owner = sid("O");
  const group = sid("G");
  return {
    control: (dacl?.control ?? 0) | (sacl?.control ?? 0),
    ...(owner === undefined ? {} : { owner }),
    ...(group === undefined ? {} : { group }),
    ...(dacl?.acl === undefined ? {} : { dacl: dacl.acl }),
    ...(sacl?.acl === undefined ? {} : { sacl: sacl.acl }),
  };
}

/** The text behind `O:`, `G:`, `D:` and `S:`, which stand outside parentheses. */
function splitSections(text: string): Map<string, string> {
  const sections = new Map<string, string>();
  let depth = 0;
  let letter: string | undefined;
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === "(") depth++;
    else if (character === ")") depth--;
    else if (depth === 0 && text[at + 1] === ":" && "OGDS".includes(character)) {
      if (letter === undefined && at > 0) throw badSddl(text, "unexpected text at the beginning");
      if (letter !== undefined) sections.set(letter, text.slice(start, at));
      if (sections.has(character)) throw badSddl(text, `two ${character} sections`);
      letter = character;
      start = at + 2;
      at++;
    }
    if (depth < 0 || depth > 1) throw badSddl(text, `unexpected parenthesis at position ${at}`);
  }
  if (letter === undefined || depth !== 0)
    throw badSddl(text, letter === undefined ? "it has no part" : "a parenthesis is open");
  sections.set(letter, text.slice(start));
  return sections;
}

const listFlags = {
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

function parseAcl(
  body: string | undefined,
  kind: "dacl" | "sacl",
  domainSid: string | undefined,
  text: string,
): { control: number; acl: Acl | undefined } | undefined {
  if (body === undefined) return undefined;
  const flags = /^[A-Z_]*/.exec(body)?.[0] ?? "";
  const list = body.slice(flags.length).replace(/\s+/g, (space) => (space === " " ? space : ""));
  if (flags === "NO_ACCESS_CONTROL") return { control: present(kind), acl: undefined };
  let rest = flags;
  let control = 0;
  for (const [name, bit] of [...listFlags[kind]].sort((a, b) => b[0].length - a[0].length)) {
    if (rest.includes(name)) {
      rest = rest.replace(name, "");
      control |= bit;
    }
  }
  if (rest !== "") throw badSddl(text, `unknown flags ${rest}`);
  const aces = [...list.matchAll(/\(([^()]*)\)/g)].map(([, ace = ""]) => parseAce(ace, domainSid, text));
  if (list.replace(/\([^()]*\)/g, "").trim() !== "") throw badSddl(text, "an entry without parentheses");
  const revision = aces.some((ace) => isObjectAce(ace.type)) ? 4 : 2;
  return { control, acl: { revision, aces } };
}

function present(kind: "dacl" | "sacl"): number {
  return kind === "dacl" ? SecurityDescriptorControl.daclPresent : SecurityDescriptorControl.saclPresent;
}

function parseAce(body: string, domainSid: string | undefined, text: string): Ace {
  const fields = body.split(";").map((field) => field.trim());
  const [
    typeName = "",
    flagText = "",
    rightText = "",
    objectType = "",
    inheritedObjectType = "",
    sidName = "",
  ] = fields;
  const type = typeNames.find(([name]) => name === typeName)?.[1];
  if (fields.length !== 6 || type === undefined)
    throw badSddl(text, `entry (${body.slice(0, 60)}) is not understood`);
  const ace: Ace = {
    type,
    flags: readNames(flagText, flagNames, text),
    mask: /^(0x[0-9a-f]{1,8}|\d{1,10})$/i.test(rightText)
      ? Number(rightText) >>> 0
      : readNames(rightText, [...rightNames, ...readOnlyRights], text) >>> 0,
    sid: parseSidName(sidName, domainSid, text),
    ...guidField("objectType", objectType, text),
    ...guidField("inheritedObjectType", inheritedObjectType, text),
  };
  if ((objectType !== "" || inheritedObjectType !== "") && !isObjectAce(type)) {
    throw badSddl(text, `entry type ${typeName} takes no object type`);
  }
  return ace;
}

function guidField<K extends string>(name: K, value: string, text: string): { readonly [key in K]?: string } {
  if (value === "") return {};
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value))
    throw badSddl(text, `${value.slice(0, 40)} is no GUID`);
  return { [name]: value.toLowerCase() } as { readonly [key in K]?: string };
}

function readNames(value: string, table: readonly (readonly [string, number])[], text: string): number {
  let bits = 0;
  for (let at = 0; at < value.length; at += 2) {
    const name = value.slice(at, at + 2);
    const bit = table.find(([known]) => known === name)?.[1];
    if (bit === undefined) throw badSddl(text, `${name} is not understood`);
    bits |= bit;
  }
  return bits;
}

function parseSidName(name: string, domainSid: string | undefined, text: string): string {
  if (/^S-1-/i.test(name)) {
    try {
      encodeSid(name);
      return name.toUpperCase().replace("X", "x");
    } catch {
      throw badSddl(text, `${name.slice(0, 60)} is no SID`);
    }
  }
  const fixed = fixedSids[name];
  if (fixed !== undefined) return fixed;
  const rid = domainSids[name];
  if (rid === undefined) throw badSddl(text, `${name.slice(0, 60)} is no SID`);
  if (domainSid === undefined) throw badSddl(text, `${name} needs a domain to be relative to`);
  return `${domainSid}-${rid}`;
}

/** Writes a descriptor in SDDL; SIDs of the given domain get their short names. @throws DirectoryError BAD_SDDL */
export function formatSddl(descriptor: SecurityDescriptor, domainSid?: string): string {
  const { owner, group, dacl, sacl, control } = descriptor;
  const sid = (value: string): string => formatSidName(value, domainSid);
  const list = (kind: "dacl" | "sacl", acl: Acl | undefined): string => {
    const flags = listFlags[kind].map(([name, bit]) => ((control & bit) === 0 ? "" : name)).join("");
    if (acl !== undefined) return flags + acl.aces.map((ace) => formatAce(ace, sid)).join("");
    return (control & present(kind)) === 0 ? "" : "NO_ACCESS_CONTROL";
  };
  const hasDacl = dacl !== undefined || (control & present("dacl")) !== 0;
  return (
    (owner === undefined ? "" : `O:${sid(owner)}`) +
    (group === undefined ? "" : `G:${sid(group)}`) +
    (hasDacl ? `D:${list("dacl", dacl)}` : "") +
    (sacl === undefined ? "" : `S:${list("sacl", sacl)}`)
  );
}

function formatAce(ace: Ace, sid: (value: string) => string): string {
  const type = typeNames.find(([, value]) => value === ace.type)?.[0];
  if (type === undefined || ace.applicationData !== undefined || ace.opaque !== undefined) {
    throw new DirectoryError(`entries of type ${ace.type} cannot be written in SDDL here`, {
      code: "BAD_SDDL",
      family: "caller",
    });
  }
  const fields = [
    type,
    writeNames(ace.flags, flagNames) ?? "",
    ace.mask === 0 ? "" : (writeNames(ace.mask, rightNames) ?? `0x${ace.mask.toString(16)}`),
    ace.objectType ?? "",
    ace.inheritedObjectType ?? "",
    sid(ace.sid),
  ];
  return `(${fields.join(";")})`;
}

/** `undefined` when there are bits without a name. */
function writeNames(bits: number, table: readonly (readonly [string, number])[]): string | undefined {
  let rest = bits;
  let names = "";
  for (const [name, bit] of table) {
    if ((rest & bit) === 0) continue;
    names += name;
    rest &= ~bit;
  }
  return rest === 0 ? names : undefined;
}

const shortNames: ReadonlyMap<string, string> = new Map(
  Object.entries(fixedSids).map(([name, sid]) => [sid, name]),
);

function formatSidName(sid: string, domainSid: string | undefined): string {
  const fixed = shortNames.get(sid);
  if (fixed !== undefined) return fixed;
  if (domainSid === undefined || !sid.startsWith(`${domainSid}-`)) return sid;
  const rid = Number(sid.slice(domainSid.length + 1));
  return Object.entries(domainSids).find(([, value]) => value === rid)?.[0] ?? sid;
}

function badSddl(text: string, why: string): DirectoryError {
  return new DirectoryError(`the security descriptor cannot be read: ${why}`, {
    code: "BAD_SDDL",
    family: "caller",
    facts: { text: text.slice(0, 120) },
  });
}
