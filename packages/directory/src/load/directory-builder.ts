import { fromUtf8, pooledBytes } from "@waybill/base";
import type { EntryData, LdapAttribute } from "@waybill/ldap";
import { DirectoryError } from "../errors.ts";
import { MemoryDirectory, type MemoryDirectoryOptions } from "../memory/memory-directory.ts";
import { isPlainRdn, rdnKey, splitDn } from "../names/dn.ts";
import { parseGuid } from "../names/guid.ts";
import { unreadableAttribute } from "../reader/account-from-object.ts";
import { type DomainSettings, domainSettingsKey } from "../reader/domain-from-store.ts";
import { type AttributeSyntax, attributeSyntax } from "../schema/attributes.ts";
import { parseSddl } from "../security/parse-sddl.ts";
import { encodeSecurityDescriptor } from "../security/security-descriptor.ts";
import { decodeSid, domainOf, encodeSid } from "../security/sid.ts";
import { MemoryStore } from "../store/memory-store.ts";
import type { AttributeValue, StoredObject } from "../store/stored-object.ts";
import { AttributeShapes } from "./compact-attributes.ts";

/** Something about the source a reader should know. */
export interface LoadProblem {
  /** Line of the file or DN of the object. */
  readonly where: string;
  readonly text: string;
}

export interface LoadedDirectory {
  /** A copy in memory: read it, or change it to ask what if. */
  readonly directory: MemoryDirectory;
  readonly problems: readonly LoadProblem[];
  readonly objects: number;
}

export interface LoadOptions {
  /** DNS name of the domain, when the source holds several or does not say. */
  readonly dnsName?: string | undefined;
  readonly netbiosName?: string | undefined;
  /** What the source was asked for, when not for everything: other attributes count as unreadable. */
  readonly attributes?: readonly string[] | undefined;
  readonly directory?: MemoryDirectoryOptions | undefined;
}

/** Computed or link attributes, which are not stored as values. */
const notStored: ReadonlySet<string> = new Set([
  "distinguishedname",
  "member",
  "memberof",
  "tokengroups",
  "canonicalname",
  "primarygrouptoken",
  "msds-user-account-control-computed",
  "msds-principalname",
]);

/** Attributes that delegation and sign-in decisions rest on. */
const decisive: readonly string[] = [
  "useraccountcontrol",
  "serviceprincipalname",
  "msds-allowedtodelegateto",
  "msds-allowedtoactonbehalfofotheridentity",
  "msds-supportedencryptiontypes",
  "memberof",
  "accountexpires",
  "pwdlastset",
  "lockouttime",
];

/** Every account has these; one that shows none hides them, and with them who knows what else. */
const mandatory: readonly string[] = ["useraccountcontrol", "primarygroupid"];

/** Attributes that have few different values in a whole domain. */
const repeating: ReadonlySet<string> = new Set([
  "objectclass",
  "useraccountcontrol",
  "primarygroupid",
  "grouptype",
  "accountexpires",
  "badpwdcount",
  "badpasswordtime",
  "lockouttime",
  "msds-supportedencryptiontypes",
  "msds-keyversionnumber",
  "operatingsystem",
]);

/** No directory nests deeper, and what reads names goes level by level. */
const deepestName = 100;
const mostProblems = 1000;

type Attributes = ReadonlyMap<string, readonly AttributeValue[]>;

interface Entry {
  readonly dn: string;
  readonly attributes: Attributes;
}

/** Takes entries in any order and makes a directory of them. */
export class DirectoryBuilder {
  /** Every name met, as an entry or in one, has a number: links between names are millions. */
  readonly #numbers = new Map<string, number>();
  /** By number; names that were only mentioned have none. */
  readonly #entries: (Entry | undefined)[] = [];
  /** Groups and members by turns. */
  readonly #links: number[] = [];
  readonly #problems: LoadProblem[] = [];
  #moreProblems = 0;
  readonly #options: LoadOptions;
  readonly #shapes = new AttributeShapes();
  /** Keys of the names that others lie under, by spelling. */
  readonly #parents = new Map<string, string>();
  readonly #notAsked: readonly string[];

  constructor(options: LoadOptions = {}) {
    this.#options = options;
    const asked = options.attributes?.map((name) => name.toLowerCase());
    this.#notAsked = decisive.filter((name) => asked !== undefined && !asked.includes(name));
  }

  report(where: string, text: string): void {
    if (this.#problems.length < mostProblems) this.#problems.push({ where, text });
    else this.#moreProblems++;
  }

  add(entry: EntryData): void {
    const key = this.#keyOf(entry.dn);
    if (key === undefined) {
      this.report(entry.dn.slice(0, 200), "the name of the entry cannot be read");
      return;
    }
    if (key === "") return;
    const attributes = new Map<string, readonly AttributeValue[]>();
    const number = this.#numberOf(key);
    for (const attribute of entry.attributes) this.#addAttribute(entry.dn, number, attribute, attributes);
    this.#entries[number] = { dn: entry.dn, attributes: this.#shapes.of(attributes) };
  }

  /** @throws DirectoryError NO_DOMAIN when no entry belongs to a domain */
  finish(): LoadedDirectory {
    const store = new MemoryStore();
    const settings = this.#domainSettings();
    store.setSetting(domainSettingsKey, settings);
    this.#adoptMappings(store);
    const ids: number[] = [];
    const root = settings.dnsName
      .split(".")
      .map((label) => `dc=${label}`)
      .join(",");
    this.#addRoot(root);
    for (const [key, number] of this.#numbers) {
      const entry = this.#entries[number];
      if (entry !== undefined) this.#place(store, ids, key, entry.dn, root);
    }
    let dangling = 0;
    for (let at = 0; at < this.#links.length; at += 2) {
      const source = ids[this.#links[at] ?? -1];
      const target = ids[this.#links[at + 1] ?? -1];
      if (source !== undefined && target !== undefined) store.link("member", source, target);
      else dangling++;
    }
    if (dangling > 0)
      this.report("member", `${dangling} group memberships name objects that are not in the source`);
    const directory = new MemoryDirectory({ ...this.#options.directory, lazyKeys: true }, store);
    const more = { where: "and more", text: `${this.#moreProblems} further problems were not listed` };
    const problems = this.#moreProblems === 0 ? this.#problems : [...this.#problems, more];
    return { directory, problems, objects: ids.filter((id) => id !== undefined).length };
  }

  #numberOf(key: string): number {
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.#entries.push(undefined) - 1;
    this.#numbers.set(key, number);
    return number;
  }

  #entryOf(key: string): Entry | undefined {
    return this.#entries[this.#numbers.get(key) ?? -1];
  }

  #first(test: (attributes: Attributes) => boolean): Attributes | undefined {
    return this.#entries.find((entry) => entry !== undefined && test(entry.attributes))?.attributes;
  }

  /** @returns `undefined` for what is no name, or too deep a one */
  #keyOf(dn: string): string | undefined {
    const comma = dn.indexOf(",");
    const first = comma < 0 ? dn : dn.slice(0, comma);
    if (!isPlainRdn(first)) return keyOfName(dn);
    if (comma < 0) return dn.toLowerCase();
    const above = dn.slice(comma + 1);
    let parent = this.#parents.get(above);
    if (parent === undefined) {
      parent = keyOfName(above);
      if (parent === undefined) return undefined;
      this.#parents.set(above, parent);
    }
    return `${first.toLowerCase()},${parent}`;
  }

  #addAttribute(
    dn: string,
    number: number,
    { type, values }: LdapAttribute,
    attributes: Map<string, readonly AttributeValue[]>,
  ): void {
    const semicolon = type.indexOf(";");
    const name = (semicolon < 0 ? type : type.slice(0, semicolon)).toLowerCase();
    if (/;range=\d+-\d/i.test(type))
      this.report(dn, `${name} was cut short by the server (${type}): there are more values than were read`);
    if (name === "member" || name === "memberof") {
      for (const value of values) this.#addLink(dn, number, name, textOf(value));
      return;
    }
    if (notStored.has(name) || values.length === 0) return;
    const read: AttributeValue[] = [];
    for (const value of values) {
      const stored = this.#readValue(dn, name, value);
      if (stored !== undefined) read.push(stored);
    }
    const known = attributes.get(name);
    attributes.set(name, known === undefined ? this.#shared(name, read) : [...known, ...read]);
  }

  #shared(name: string, values: readonly AttributeValue[]): readonly AttributeValue[] {
    if (!repeating.has(name)) return values;
    const texts = values.filter((value) => typeof value === "string");
    return texts.length === values.length ? this.#shapes.shared(texts) : values;
  }

  #addLink(dn: string, own: number, name: string, other: string): void {
    const key = this.#keyOf(other);
    if (key === undefined) {
      this.report(dn, `a value of ${name} is no distinguished name`);
      return;
    }
    const far = this.#numberOf(key);
    if (name === "member") this.#links.push(own, far);
    else this.#links.push(far, own);
  }

  /** Binary attributes come as octets, or as text from tools that mean well. */
  #readValue(dn: string, name: string, value: Uint8Array): AttributeValue | undefined {
    const syntax = attributeSyntax(name);
    if (syntax !== "sid" && syntax !== "security-descriptor" && syntax !== "octets") {
      const text = textOf(value);
      if (text.includes("\ufffd")) this.report(dn, `a value of ${name} is not UTF-8`);
      return text;
    }
    try {
      const text = value.length < 4096 ? meant(name, syntax, value) : undefined;
      if (text !== undefined) return text;
    } catch (error) {
      this.report(dn, `a value of ${name} cannot be read: ${error instanceof Error ? error.message : ""}`);
      return undefined;
    }
    if (syntax === "sid" && !isSid(value)) {
      this.report(dn, `a value of ${name} is no security identifier`);
      return undefined;
    }
    const kept = pooledBytes(value.length);
    kept.set(value);
    return kept;
  }

  #domainSettings(): DomainSettings {
    const { dnsName, netbiosName } = this.#options;
    const name = dnsName?.toLowerCase() ?? this.#guessDomain();
    const dn = name
      .split(".")
      .map((label) => `dc=${label}`)
      .join(",");
    const crossRef = this.#first((attributes) => {
      const [context] = attributes.get("ncname") ?? [];
      return typeof context === "string" && context.toLowerCase() === dn && attributes.has("netbiosname");
    });
    const [known] = crossRef?.get("netbiosname") ?? [];
    const fallback = (name.split(".")[0] ?? name).toUpperCase();
    return { dnsName: name, netbiosName: netbiosName ?? (typeof known === "string" ? known : fallback) };
  }

  /** The domain most entries lie in, or the one whose head is among them. */
  #guessDomain(): string {
    const counts = new Map<string, number>();
    for (const [key, number] of this.#numbers) {
      const attributes = this.#entries[number]?.attributes;
      if (attributes === undefined) continue;
      const classes = attributes.get("objectclass") ?? [];
      const isHead = classes.some((value) => typeof value === "string" && /^domain(dns)?$/i.test(value));
      const name = key
        .split(",")
        .flatMap((part) => (part.startsWith("dc=") ? [part.slice(3)] : []))
        .join(".");
      if (name !== "")
        counts.set(name, (counts.get(name) ?? 0) + (isHead && attributes.has("objectsid") ? 1e9 : 1));
    }
    const [best] = [...counts].sort((left, right) => right[1] - left[1]);
    if (best !== undefined) return best[0];
    throw new DirectoryError("nothing in the source belongs to a domain", {
      code: "NO_DOMAIN",
      family: "caller",
      remedy: "Export at least the accounts, with their full distinguished names.",
    });
  }

  /** The head of the domain, with its SID taken from an account when the source left it out. */
  #addRoot(root: string): void {
    const head = this.#entryOf(root);
    if (head?.attributes.has("objectsid") === true) return;
    const account = this.#first(
      (attributes) => attributes.has("samaccountname") && domainSidOf(attributes) !== undefined,
    );
    const sid = account === undefined ? undefined : domainSidOf(account);
    const attributes = new Map<string, readonly AttributeValue[]>(
      head?.attributes ?? [["objectclass", ["top", "domain", "domainDNS"]]],
    );
    if (sid !== undefined) attributes.set("objectsid", [encodeSid(sid)]);
    const number = this.#numberOf(root);
    if (head !== undefined) {
      this.#entries[number] = { dn: head.dn, attributes };
      return;
    }
    this.report(root, "the source lacks the domain's own entry: its policy is assumed to be the default");
    const dn = root.toUpperCase().replace(/DC=([^,]*)/g, (_, label: string) => `DC=${label.toLowerCase()}`);
    this.#entries[number] = { dn, attributes };
  }

  /** Puts an entry below its parent; parents that the source left out are made up as containers. */
  #place(store: MemoryStore, ids: (number | undefined)[], key: string, name: string, root: string): number {
    const number = this.#numberOf(key);
    const known = ids[number];
    if (known !== undefined) return known;
    const entry = this.#entries[number];
    const dn = entry?.dn ?? name;
    const rdn = firstRdn(dn);
    const own = isPlainRdn(rdn) ? rdn.toLowerCase() : rdnKey(splitDn(rdn)[0] ?? []);
    // Every name ends in a naming context: the domain, or whatever other DC names the entry lies under.
    const isRoot = key === root || own === key || key.split(",").every((part) => part.startsWith("dc="));
    const above = dn.slice(rdn.length + 1).trimStart();
    const parentId = isRoot ? 0 : this.#place(store, ids, key.slice(own.length + 1), above, root);
    const object: StoredObject = {
      id: store.nextId(),
      parentId,
      rdn: isRoot ? dn : rdn,
      attributes: entry === undefined ? container : this.#complete(entry.attributes),
    };
    store.put(object);
    ids[number] = object.id;
    return object.id;
  }

  /** Notes which attributes the source hides. */
  #complete(attributes: Attributes): Attributes {
    if (!attributes.has("samaccountname") || attributes.has("grouptype")) return attributes;
    const hides = mandatory.some((name) => !attributes.has(name));
    if (!hides && this.#notAsked.length === 0) return attributes;
    const hidden = hides ? decisive.filter((name) => !attributes.has(name)) : [];
    const unreadable = [...new Set([...this.#notAsked, ...hidden])];
    return unreadable.length === 0
      ? attributes
      : this.#shapes.of(new Map([...attributes, [unreadableAttribute, this.#shapes.shared(unreadable)]]));
  }

  /** The forest may stand for other services by HOST than usual. */
  #adoptMappings(store: MemoryStore): void {
    for (const entry of this.#entries) {
      const mappings = entry?.attributes.get("spnmappings");
      const host = mappings?.find((value) => typeof value === "string" && /^host=/i.test(value));
      if (typeof host === "string") store.setSetting("hostAliases", host.slice(5).toLowerCase().split(","));
    }
  }
}

const container: Attributes = new Map([["objectclass", ["top", "container"]]]);

function keyOfName(dn: string): string | undefined {
  // The least a level takes; what is longer need not be taken apart to be refused.
  if (dn.length > 100_000) return undefined;
  try {
    const parts = splitDn(dn);
    return parts.length > deepestName ? undefined : parts.map(rdnKey).join(",");
  } catch {
    return undefined;
  }
}

/** A text that stands for octets. @throws DirectoryError BAD_VALUE */
function meant(name: string, syntax: AttributeSyntax, value: Uint8Array): Uint8Array | undefined {
  const [first] = value;
  // Octets of these syntaxes begin otherwise, nearly always.
  if (first === undefined || first < 0x30 || first > 0x7b) return undefined;
  const text = Buffer.from(value.buffer, value.byteOffset, value.length).toString("latin1");
  if (syntax === "sid" && /^S-1-\d/.test(text)) return encodeSid(text);
  if (syntax === "security-descriptor" && /^[OGDS]:/.test(text))
    return encodeSecurityDescriptor(parseSddl(text));
  return name === "objectguid" && /^[0-9a-f]{8}(-[0-9a-f]{4}){4}[0-9a-f]{8}$/i.test(text)
    ? parseGuid(text)
    : undefined;
}

function isSid(value: Uint8Array): boolean {
  const count = value[1] ?? 0;
  return value[0] === 1 && count <= 15 && value.length === 8 + 4 * count;
}

/** Most values are ASCII, which needs no decoder. */
function textOf(value: Uint8Array): string {
  for (const octet of value) if (octet >= 0x80) return fromUtf8(value);
  return Buffer.from(value.buffer, value.byteOffset, value.length).toString("latin1");
}

function domainSidOf(attributes: Attributes): string | undefined {
  const [sid] = attributes.get("objectsid") ?? [];
  if (!(sid instanceof Uint8Array)) return undefined;
  const text = decodeSid(sid);
  return text.startsWith("S-1-5-21-") ? domainOf(text) : undefined;
}

function firstRdn(dn: string): string {
  for (let at = 0; at < dn.length; at++) {
    if (dn[at] === "\\") at++;
    else if (dn[at] === "," || dn[at] === ";") return dn.slice(0, at);
  }
  return dn;
}
