import { utf8 } from "@waybill/base";
import type { LdifRecord } from "./ldif-record.ts";

const lineLength = 76;

/** The records as LDIF, RFC 2849: one string per record, the version first. */
export function* writeLdif(records: Iterable<WritableLdifRecord>): Iterable<string> {
  yield "version: 1\n";
  for (const record of records) yield `\n${formatLdifRecord(record)}`;
}

type WithoutLine<T> = T extends unknown ? Omit<T, "line"> : never;

/** A record to be written: line numbers are the reader's. */
export type WritableLdifRecord = WithoutLine<LdifRecord>;

/** One record without the blank line around it. */
export function formatLdifRecord(record: WritableLdifRecord): string {
  const dn = formatLine("dn", utf8(record.dn));
  switch (record.kind) {
    case "entry":
      return dn + formatAttributes(record.attributes);
    case "add":
      return `${dn}changetype: add\n${formatAttributes(record.attributes)}`;
    case "delete":
      return `${dn}changetype: delete\n`;
    case "modify":
      return `${dn}changetype: modify\n${record.changes
        .map(
          ({ operation, type, values }) =>
            `${operation}: ${type}\n${formatAttributes([{ type, values }])}-\n`,
        )
        .join("")}`;
    case "rename": {
      const superior =
        record.newSuperior === undefined ? "" : formatLine("newsuperior", utf8(record.newSuperior));
      const rdn = formatLine("newrdn", utf8(record.newRdn));
      return `${dn}changetype: modrdn\n${rdn}deleteoldrdn: ${record.deleteOldRdn ? 1 : 0}\n${superior}`;
    }
  }
}

function formatAttributes(
  attributes: readonly { readonly type: string; readonly values: readonly Uint8Array[] }[],
): string {
  return attributes
    .map(({ type, values }) => values.map((value) => formatLine(type, value)).join(""))
    .join("");
}

function formatLine(name: string, value: Uint8Array): string {
  const octets = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return fold(
    isSafe(value) ? `${name}: ${octets.toString("latin1")}` : `${name}:: ${octets.toString("base64")}`,
  );
}

/** SAFE-STRING of RFC 2849; a trailing space, too, is encoded so that editors cannot lose it. */
function isSafe(value: Uint8Array): boolean {
  const [first] = value;
  if (first === 0x20 || first === 0x3a || first === 0x3c || value.at(-1) === 0x20) return false;
  return value.every((octet) => octet !== 0 && octet !== 0x0a && octet !== 0x0d && octet < 0x80);
}

function fold(line: string): string {
  if (line.length <= lineLength) return `${line}\n`;
  let folded = line.slice(0, lineLength);
  for (let at = lineLength; at < line.length; at += lineLength - 1)
    folded += `\n ${line.slice(at, at + lineLength - 1)}`;
  return `${folded}\n`;
}
