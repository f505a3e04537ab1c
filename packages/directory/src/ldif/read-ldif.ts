import type { AttributeChange, LdapAttribute } from "@waybill/ldap";
import type { LdifProblem, LdifRecord } from "./ldif-record.ts";
import { type LogicalLine, logicalLines } from "./logical-lines.ts";

export interface ReadLdifOptions {
  readonly onProblem?: ((problem: LdifProblem) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads LDIF (RFC 2849) as it streams in: folded lines, base64, change records, comments, what ldapsearch and ldifde
 * add around it. What cannot be read is reported by line and skipped; UTF-16 files are read and reported.
 *
 * @param source octets in chunks of any size, such as a file's read stream
 * @throws DirectoryError BAD_LDIF for a line that never ends
 */
export async function* readLdif(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: ReadLdifOptions = {},
): AsyncIterable<LdifRecord> {
  const report = (line: number, text: string): void => options.onProblem?.({ line, text });
  let lines: LdifLine[] = [];
  for await (const line of logicalLines(source, report)) {
    options.signal?.throwIfAborted();
    if (line.bytes.length > 0) {
      const parsed = parseLine(line, report);
      if (parsed !== undefined) lines.push(parsed);
      continue;
    }
    const record = toRecord(lines, report);
    lines = [];
    if (record !== undefined) yield record;
  }
  const record = toRecord(lines, report);
  if (record !== undefined) yield record;
}

/** Reads a whole LDIF text at once. */
export async function parseLdif(
  text: string | Uint8Array,
): Promise<{ records: LdifRecord[]; problems: LdifProblem[] }> {
  const problems: LdifProblem[] = [];
  const records: LdifRecord[] = [];
  const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
  for await (const record of readLdif([bytes], { onProblem: (problem) => problems.push(problem) }))
    records.push(record);
  return { records, problems };
}

interface LdifLine {
  readonly line: number;
  readonly name: string;
  readonly value: Uint8Array;
  /** `-`, which ends one change of a modify record. */
  readonly separator: boolean;
}

type Report = (line: number, text: string) => void;

const longestName = 1024;
const colon = 0x3a;
const lessThan = 0x3c;
const space = 0x20;

function parseLine({ line, bytes }: LogicalLine, report: Report): LdifLine | undefined {
  if (bytes.length === 1 && bytes[0] === 0x2d)
    return { line, name: "-", value: new Uint8Array(0), separator: true };
  const at = bytes.indexOf(colon);
  const name = at <= 0 || at > longestName ? "" : ascii(bytes.subarray(0, at));
  if (!/^[A-Za-z0-9][A-Za-z0-9.-]*(;[A-Za-z0-9-=*]+)*$/.test(name)) {
    report(line, "the line is no attribute and value");
    return undefined;
  }
  const marker = bytes[at + 1];
  if (marker === lessThan) {
    report(line, `${name} refers to a file, which is not read`);
    return undefined;
  }
  let start = marker === colon ? at + 2 : at + 1;
  while (bytes[start] === space) start++;
  const rest = bytes.slice(start);
  if (marker !== colon) return { line, name, value: rest, separator: false };
  const text = ascii(rest).replace(/\s+$/, "");
  if (!isBase64(text)) {
    report(line, `the base64 of ${name} is damaged`);
    return undefined;
  }
  return { line, name, value: new Uint8Array(Buffer.from(text, "base64")), separator: false };
}

/** No group repeats: those overflow the stack on long values. */
function isBase64(text: string): boolean {
  const digits = text.replace(/={1,2}$/, "");
  return (
    digits.length % 4 !== 1 &&
    (text.length === digits.length || text.length % 4 === 0) &&
    !/[^A-Za-z0-9+/]/.test(digits)
  );
}

/** What ldapsearch prints around entries. */
const trailers: ReadonlySet<string> = new Set([
  "version",
  "search",
  "result",
  "ref",
  "control",
  "pagedresults",
  "matcheddn",
  "text",
]);

function toRecord(all: readonly LdifLine[], report: Report): LdifRecord | undefined {
  const lines = [...all];
  while (lines[0]?.name.toLowerCase() === "version") lines.shift();
  const [first, ...rest] = lines;
  if (first === undefined) return undefined;
  if (first.name.toLowerCase() !== "dn") {
    if (!trailers.has(first.name.toLowerCase())) report(first.line, "a record must begin with dn:");
    return undefined;
  }
  const dn = readText(first, report);
  const { line } = first;
  const controls = rest.filter(({ name }) => name.toLowerCase() === "control");
  const body = rest.filter(({ name }) => name.toLowerCase() !== "control");
  if (controls.length > 0) report(controls[0]?.line ?? line, "controls of change records are not kept");
  const [type, ...content] = body;
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

const strict = new TextDecoder("utf-8", { fatal: true });
const western = new TextDecoder("windows-1252");

function readText({ line, name, value }: LdifLine, report: Report): string {
  try {
    return strict.decode(value);
  } catch {
    report(line, `${name} is not UTF-8; it was read as Windows-1252`);
    return western.decode(value);
  }
}

function ascii(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}
