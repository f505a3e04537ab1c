import { fromUtf8, toHex, utf8 } from "@waybill/base";
import { type EntryData, type Filter, type FilterSchema, LdapError, matchesFilter } from "@waybill/ldap";
import { parseGuid } from "../names/guid.ts";
import type { DirectoryReader } from "../reader/directory-reader.ts";
import { isBinary } from "../schema/attributes.ts";
import { objectClass } from "../schema/object-classes.ts";
import { decodeSid } from "../security/sid.ts";
import { indexedAttributes, indexKey } from "../store/index-keys.ts";
import { texts } from "../store/stored-object.ts";
import { type EntryOptions, entryFromObject } from "./entry-from-object.ts";
import { filterSyntaxOf } from "./ldap-values.ts";

export interface DirectorySearch {
  readonly baseDn: string;
  readonly scope: "base" | "one" | "sub";
  readonly filter: Filter;
  readonly attributes: readonly string[];
  readonly sdFlags: number;
  readonly now: number;
  readonly signal: AbortSignal;
  readonly managedPassword?: EntryOptions["managedPassword"];
}

/** Entries in scope that match, found by index where the filter allows it. @throws LdapError noSuchObject */
export function* searchDirectory(reader: DirectoryReader, search: DirectorySearch): Iterable<EntryData> {
  const base = resolveBase(reader, search.baseDn);
  const filter = rewriteFilter(reader, search.filter);
  const needed = new Set<string>();
  collectNames(filter, needed);
  const requested = search.attributes.length === 0 ? ["*"] : search.attributes;
  const options: EntryOptions = {
    wanted: new Set([...requested.map((name) => name.replace(/;.*/, "")), ...needed]),
    sdFlags: search.sdFlags,
    now: search.now,
    managedPassword: search.managedPassword,
  };
  const schema: FilterSchema = {
    syntaxOf: filterSyntaxOf,
    reaches: (dn, type, target) => reaches(reader, dn, type, target),
  };
  for (const id of idsInScope(reader, base, search.scope, filter)) {
    if (search.signal.aborted) return;
    const object = reader.store.object(id);
    if (object === undefined) continue;
    const entry = entryFromObject(reader, object, options);
    if (matchesFilter(filter, entry, schema)) yield entry;
  }
}

/** A base by DN, `<GUID=…>`, `<SID=…>` or `<WKGUID=…,dn>`: MS-ADTS section 3.1.1.3.1.2.4. */
export function resolveBase(reader: DirectoryReader, dn: string): number {
  const special = /^<(GUID|SID|WKGUID)=([^,>]*)(?:,(.*))?>$/i.exec(dn);
  const id = special === null ? reader.idOfDn(dn) : resolveSpecial(reader, special);
  if (id !== undefined) return id;
  throw new LdapError({
    resultCode: "noSuchObject",
    diagnosticMessage:
      "0000208D: NameErr: DSID-03100245, problem 2001 (NO_OBJECT), data 0, best match of the name given",
    matchedDn: nearestAncestor(reader, dn),
  });
}

/** Written as text, or as the hexadecimal digits of the binary form, as Samba does. */
function sidOf(value: string): string {
  const bytes = Buffer.from(value, "hex");
  const isHex = value.length > 0 && bytes.length * 2 === value.length;
  return isHex && bytes.length === 8 + 4 * (bytes[1] ?? 0) ? decodeSid(bytes) : value.toUpperCase();
}

function resolveSpecial(reader: DirectoryReader, parts: RegExpExecArray): number | undefined {
  const [, kind = "", value = "", dn = ""] = parts;
  if (kind.toUpperCase() === "SID") return reader.store.find("objectsid", sidOf(value))[0];
  if (kind.toUpperCase() === "WKGUID") {
    const holder = reader.idOfDn(dn);
    const object = holder === undefined ? undefined : reader.store.object(holder);
    const prefix = `B:32:${value.toUpperCase()}:`;
    const known =
      object && texts(object, "wellknownobjects").find((entry) => entry.toUpperCase().startsWith(prefix));
    return known === undefined ? undefined : reader.idOfDn(known.slice(prefix.length));
  }
  try {
    const guid = value.includes("-") ? parseGuid(value) : Buffer.from(value, "hex");
    return reader.store.find("objectguid", toHex(guid))[0];
  } catch {
    return undefined;
  }
}

function nearestAncestor(reader: DirectoryReader, dn: string): string {
  for (let at = 0; at < dn.length; at++) {
    if (dn[at] === "\\") at++;
    else if (dn[at] === ",") {
      const id = reader.idOfDn(dn.slice(at + 1));
      if (id !== undefined) return reader.dnOf(id);
    }
  }
  return "";
}

function* idsInScope(
  reader: DirectoryReader,
  base: number,
  scope: DirectorySearch["scope"],
  filter: Filter,
): Iterable<number> {
  if (scope === "base") {
    yield base;
    return;
  }
  const found = candidates(reader, filter);
  if (found !== undefined) {
    for (const id of found) if (isBelow(reader, id, base, scope)) yield id;
  } else if (scope === "one") {
    yield* Array.from(reader.store.children(base));
  } else {
    yield* subtree(reader, base);
  }
}

/** An object and all below it; the configuration is a naming context of its own. */
function* subtree(reader: DirectoryReader, base: number): Iterable<number> {
  const configuration = reader.store.child(base, "cn=configuration");
  const queue = [base];
  for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
    yield id;
    for (const child of reader.store.children(id)) if (child !== configuration) queue.push(child);
  }
}

function isBelow(reader: DirectoryReader, id: number, base: number, scope: "one" | "sub"): boolean {
  const object = reader.store.object(id);
  if (scope === "one") return object?.parentId === base;
  const configuration = reader.store.child(base, "cn=configuration");
  for (let at = object; at !== undefined; at = reader.store.object(at.parentId)) {
    if (at.id === configuration) return false;
    if (at.id === base) return true;
  }
  return false;
}

/** Ids that an index says may match; `undefined` when only looking at everything tells. */
function candidates(reader: DirectoryReader, filter: Filter): ReadonlySet<number> | undefined {
  switch (filter.kind) {
    case "and": {
      const sets = filter.value.map((part) => candidates(reader, part)).filter((set) => set !== undefined);
      return sets.sort((left, right) => left.size - right.size)[0];
    }
    case "or": {
      const union = new Set<number>();
      for (const part of filter.value) {
        const set = candidates(reader, part);
        if (set === undefined) return undefined;
        for (const id of set) union.add(id);
      }
      return union;
    }
    case "equalityMatch":
      return equalityCandidates(
        reader,
        filter.value.attributeDesc.toLowerCase(),
        filter.value.assertionValue,
      );
    case "substrings": {
      const name = indexOf(filter.value.type.toLowerCase());
      const [first] = filter.value.substrings;
      if (first?.kind !== "initial" || !indexedAttributes.has(name) || isBinary(name)) return undefined;
      return new Set(reader.store.findByPrefix(name, fromUtf8(first.value).toLowerCase()));
    }
    default:
      return undefined;
  }
}

/** Where an object has a cn, it is its name. */
function indexOf(attribute: string): string {
  return attribute === "cn" ? "name" : attribute;
}

function equalityCandidates(
  reader: DirectoryReader,
  attribute: string,
  value: Uint8Array,
): ReadonlySet<number> | undefined {
  const name = indexOf(attribute);
  if (name === "distinguishedname" || name === "member" || name === "memberof") {
    const id = reader.idOfDn(fromUtf8(value));
    if (id === undefined) return new Set();
    if (name === "distinguishedname") return new Set([id]);
    return new Set(
      name === "member" ? reader.store.backlinks("member", id) : reader.store.links("member", id),
    );
  }
  if (!indexedAttributes.has(name)) return undefined;
  const text = fromUtf8(value);
  if (name === "objectsid")
    return new Set(reader.store.find(name, /^S-1-/i.test(text) ? text.toUpperCase() : indexKey(name, value)));
  if (isBinary(name)) return new Set(reader.store.find(name, indexKey(name, value)));
  // Text compares with runs of spaces folded, which the index does not do.
  return text !== text.trim() || text.includes("  ")
    ? undefined
    : new Set(reader.store.find(name, text.toLowerCase()));
}

/** What AD reads into a filter: short names of categories, and ambiguous name resolution. */
function rewriteFilter(reader: DirectoryReader, filter: Filter): Filter {
  switch (filter.kind) {
    case "and":
    case "or":
      return { kind: filter.kind, value: filter.value.map((part) => rewriteFilter(reader, part)) };
    case "not":
      return { kind: "not", value: rewriteFilter(reader, filter.value) };
    case "equalityMatch": {
      const { attributeDesc, assertionValue } = filter.value;
      const name = attributeDesc.toLowerCase();
      if (name === "anr") return anrFilter(fromUtf8(assertionValue));
      const text = fromUtf8(assertionValue);
      if (name !== "objectcategory" || text.includes("=")) return filter;
      const category = objectClass(text)?.category ?? text;
      const dn = `CN=${category},CN=Schema,CN=Configuration,${reader.domain.dn}`;
      return { kind: "equalityMatch", value: { attributeDesc, assertionValue: utf8(dn) } };
    }
    default:
      return filter;
  }
}

const anrAttributes = ["displayName", "givenName", "sn", "name", "sAMAccountName", "mail"];

function anrFilter(text: string): Filter {
  const exact = text.startsWith("=");
  const value = utf8(exact ? text.slice(1) : text);
  return {
    kind: "or",
    value: anrAttributes.map((type) =>
      exact
        ? { kind: "equalityMatch", value: { attributeDesc: type, assertionValue: value } }
        : { kind: "substrings", value: { type, substrings: [{ kind: "initial", value }] } },
    ),
  };
}

function collectNames(filter: Filter, names: Set<string>): void {
  const add = (name: string | undefined): void => {
    if (name !== undefined) names.add(name.toLowerCase().replace(/;.*/, ""));
  };
  switch (filter.kind) {
    case "and":
    case "or":
      for (const part of filter.value) collectNames(part, names);
      break;
    case "not":
      collectNames(filter.value, names);
      break;
    case "present":
      add(filter.value);
      break;
    case "substrings":
    case "extensibleMatch":
      add(filter.value.type);
      break;
    default:
      add(filter.value.attributeDesc);
  }
}

/** 1.2.840.113556.1.4.1941 over `member` and `memberOf`. */
function reaches(reader: DirectoryReader, dn: string, type: string, targetDn: string): boolean {
  const start = reader.idOfDn(dn);
  const target = reader.idOfDn(targetDn);
  if (start === undefined || target === undefined || (type !== "member" && type !== "memberof")) return false;
  const follow = (id: number): Iterable<number> =>
    type === "member" ? reader.store.links("member", id) : reader.store.backlinks("member", id);
  const seen = new Set<number>();
  const queue = [start];
  for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
    for (const next of follow(id)) {
      if (next === target) return true;
      if (!seen.has(next)) queue.push(next);
      seen.add(next);
    }
  }
  return false;
}
