import type { AttributeChange, LdapAttribute } from "@waybill/ldap";
import type { LdifRecord } from "./ldif-record.ts";

/** A line of a record, unfolded and decoded. */
export interface LdifLine {
  readonly line: number;
  readonly name: string;
  readonly value: Uint8Array;
  /** `-`, which ends one change of a modify record. */
  readonly separator: boolean;
}

/** Says what could not be read, by the number of its line. */
export type Report = (line: number, text: string) => void;

/** What ldapsearch prints around entries. */
export const trailers: ReadonlySet<string> = new Set([
  "version",
  "search",
  "result",
  "ref",
  "control",
  "pagedresults",
  "matcheddn",
  "text",
]);

/** What the lines of a record say; `undefined` for what is none. */
export function toRecord(lines: readonly LdifLine[], report: Report): LdifRecord | undefined {
  const at = lines.findIndex(({ name }) => name.toLowerCase() !== "version");
  const first = lines[at];
  if (first === undefined) return undefined;
  if (first.name.toLowerCase() !== "dn") {
    if (!trailers.has(first.name.toLowerCase())) report(first.line, "a record must begin with dn:");
    return undefined;
  }
  const dn = readText(first, report);
  const { line } = first;
  const isControl = ({ name }: LdifLine): boolean => name.length === 7 && name.toLowerCase() === "control";
  const control = lines.find(isControl);
  const rest = lines.slice(at + 1);
  const body = control === undefined ? rest : rest.filter((entry) => !isControl(entry));
  if (control !== undefined) report(control.line, "controls of change records are not kept");
  const [type] = body;
  const content = body.slice(1);
  if (type?.name.toLowerCase() !== "changetype")
    return { kind: "entry", line, dn, attributes: collect(body, report) };
  switch (readText(type, report).trim().toLowerCase()) {
    case "add":
      return { kind: "add", line, dn, attributes: collect(content, report) };
    case "delete":
      return { kind: "delete", line, dn };
    case "modify":
      return { kind: "modify", line, dn, changes: readChanges(content, report) };
    case "modrdn":
    case "moddn":
      return readRename(line, dn, content, report);
    default:
      report(type.line, "unknown changetype");
      return undefined;
  }
}

function collect(lines: readonly LdifLine[], report: Report): LdapAttribute[] {
  const attributes = new Map<string, { type: string; values: Uint8Array[] }>();
  for (const { line, name, value, separator } of lines) {
    if (separator) {
      report(line, "a dash belongs to modify records only");
      continue;
    }
    const key = name.toLowerCase();
    const known = attributes.get(key);
    if (known === undefined) attributes.set(key, { type: name, values: [value] });
    else known.values.push(value);
  }
  return [...attributes.values()];
}

function readChanges(lines: readonly LdifLine[], report: Report): AttributeChange[] {
  const changes: AttributeChange[] = [];
  let current: { operation: AttributeChange["operation"]; type: string; values: Uint8Array[] } | undefined;
  for (const entry of lines) {
    const { line, name, value, separator } = entry;
    if (separator) {
      current = undefined;
      continue;
    }
    if (current === undefined) {
      const operation = name.toLowerCase();
      if (operation !== "add" && operation !== "delete" && operation !== "replace") {
        report(line, "expected add:, delete: or replace:");
        continue;
      }
      current = { operation, type: readText(entry, report).trim(), values: [] };
      changes.push(current);
    } else if (name.toLowerCase() === current.type.toLowerCase()) {
      current.values.push(value);
    } else {
      report(line, `expected a value of ${current.type}`);
    }
  }
  return changes;
}

function readRename(
  line: number,
  dn: string,
  lines: readonly LdifLine[],
  report: Report,
): LdifRecord | undefined {
  const field = (name: string): string | undefined => {
    const found = lines.find((entry) => entry.name.toLowerCase() === name);
    return found === undefined ? undefined : readText(found, report);
  };
  const newRdn = field("newrdn");
  if (newRdn === undefined) {
    report(line, "newrdn: is missing");
    return undefined;
  }
  const newSuperior = field("newsuperior");
  return {
    kind: "rename",
    line,
    dn,
    newRdn,
    deleteOldRdn: field("deleteoldrdn")?.trim() !== "0",
    ...(newSuperior === undefined ? {} : { newSuperior }),
  };
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const western = new TextDecoder("windows-1252");

function readText({ line, name, value }: LdifLine, report: Report): string {
  try {
    return strict.decode(value);
  } catch {
    report(line, `${name} is not UTF-8; it was read as Windows-1252`);
    return western.decode(value);
  }
}
