import {
  badSddl,
  domainSids,
  fixedSids,
  flagNames,
  listFlags,
  present,
  readOnlyRights,
  rightNames,
  typeNames,
} from "./sddl-names.ts";
import { type Ace, type Acl, isObjectAce, type SecurityDescriptor } from "./security-descriptor.ts";
import { encodeSid } from "./sid.ts";

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
