import { DirectoryError } from "../errors.ts";
import { domainSids, fixedSids, flagNames, listFlags, present, rightNames, typeNames } from "./sddl-names.ts";
import type { Ace, Acl, SecurityDescriptor } from "./security-descriptor.ts";

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
