import { toHex, utf8 } from "@waybill/base";
import { type EntryData, type LdapAttribute, LdapEntry } from "../entry.ts";

/** An attribute as it goes on the wire. */
type WireAttribute = { type: string; vals: Uint8Array[] };

const rangeOption = /;range=(\d{1,10})-(\d{1,10}|\*)(?:;|$)/;

/**
 * How to choose the requested attributes of entries, as they go on the wire. Names in `requested` are in lower case.
 *
 * @param maxValues of one attribute in one answer; the rest is asked for by range, MS-ADTS section 3.1.1.3.1.3.3
 */
export function attributeSelector(
  requested: readonly string[],
  typesOnly: boolean,
  maxValues: number = Number.POSITIVE_INFINITY,
): (attributes: readonly LdapAttribute[]) => WireAttribute[] {
  const everything = requested.length === 0 || requested.includes("*") || requested.includes("+");
  const wanted = new Set(requested.map(baseName));
  const ranges = new Map(
    requested.flatMap((name) => {
      const [, low, high] = rangeOption.exec(name) ?? [];
      return low === undefined ? [] : [[baseName(name), [Number(low), Number(high)]] as const];
    }),
  );
  return (attributes) => {
    const selected: WireAttribute[] = [];
    for (const { type, values } of attributes) {
      if (values.length === 0) continue;
      const name = baseName(type).toLowerCase();
      if (!everything && !wanted.has(name)) continue;
      if (typesOnly) selected.push({ type, vals: [] });
      else if (ranges.size === 0 && values.length <= maxValues) selected.push({ type, vals: [...values] });
      else selected.push(...inRange(type, values, ranges.get(name), maxValues));
    }
    return selected;
  };
}

/** An attribute's name without options. */
function baseName(description: string): string {
  const end = description.indexOf(";");
  return end < 0 ? description : description.slice(0, end);
}

/** All values, or as many as fit under a name that says which they are. */
function inRange(
  type: string,
  values: readonly Uint8Array[],
  range: readonly [low: number, high: number] | undefined,
  maxValues: number,
): WireAttribute[] {
  if (range === undefined && values.length <= maxValues) return [{ type, vals: [...values] }];
  const [low, high] = range ?? [0, Number.NaN];
  // `*` is no number: up to the end.
  const wanted = Number.isNaN(high) ? values.length : high + 1;
  const vals = values.slice(low, Math.min(wanted, low + maxValues));
  const end = low + vals.length;
  const ranged = { type: `${type};range=${low}-${end >= values.length ? "*" : end - 1}`, vals };
  // Who did not ask for a range finds the plain name empty, as with Active Directory.
  return range === undefined ? [{ type, vals: [] }, ranged] : [ranged];
}

/** The name of an entry under the extended DN control: `<GUID=…>;<SID=…>;CN=…`, MS-ADTS 3.1.1.3.4.1.5. */
export function extendDn(entry: EntryData, form: 0 | 1): string {
  const attributes = new LdapEntry(entry.dn, entry.attributes);
  const guid = attributes.value("objectGUID");
  const sid = attributes.value("objectSid");
  const parts: string[] = [];
  if (guid !== undefined) parts.push(`<GUID=${form === 0 ? toHex(guid) : formatGuid(guid)}>`);
  if (sid !== undefined) parts.push(`<SID=${form === 0 ? toHex(sid) : formatSid(sid)}>`);
  return [...parts, entry.dn].join(";");
}

/** The usual text form: the first three fields are little-endian in the octets. */
function formatGuid(guid: Uint8Array): string {
  const hex = (...indexes: number[]): string => toHex(Uint8Array.from(indexes, (index) => guid[index] ?? 0));
  return `${hex(3, 2, 1, 0)}-${hex(5, 4)}-${hex(7, 6)}-${hex(8, 9)}-${hex(10, 11, 12, 13, 14, 15)}`;
}

function formatSid(sid: Uint8Array): string {
  const view = Buffer.from(sid.buffer, sid.byteOffset, sid.byteLength);
  if (view.length < 8 || view.length !== 8 + 4 * view.readUInt8(1)) return toHex(sid);
  const parts = [view.readUInt8(0), view.readUIntBE(2, 6)];
  for (let at = 8; at < view.length; at += 4) parts.push(view.readUInt32LE(at));
  return `S-${parts.join("-")}`;
}

/** An attribute of text values, as a root DSE has many. */
export function textAttribute(type: string, ...values: readonly string[]): LdapAttribute {
  return { type, values: values.map(utf8) };
}
