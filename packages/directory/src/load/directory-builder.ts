import type { EntryData } from "@waybill/ldap";
import { MemoryDirectory, type MemoryDirectoryOptions } from "../memory/memory-directory.ts";
import { unreadableAttribute } from "../reader/account-from-object.ts";
import { domainSettingsKey } from "../reader/domain-from-store.ts";
import { encodeSid } from "../security/sid.ts";
import { MemoryStore } from "../store/memory-store.ts";
import type { StoredObject } from "../store/stored-object.ts";
import { AttributeShapes } from "./compact-attributes.ts";
import { EntryValues } from "./entry-values.ts";
import { NameTree } from "./name-tree.ts";
import { type Attributes, dnOfDomain, domainSidIn, type Entry, settingsOf } from "./source-domain.ts";

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

const mostProblems = 1000;

/** Takes entries in any order and makes a directory of them. */
export class DirectoryBuilder {
  readonly #names = new NameTree();
  /** By number; names that were only mentioned have none. */
  readonly #entries: (Entry | undefined)[] = [];
  /** Groups and members by turns. */
  readonly #links: number[] = [];
  readonly #problems: LoadProblem[] = [];
  #moreProblems = 0;
  readonly #options: LoadOptions;
  readonly #shapes = new AttributeShapes();
  readonly #values = new EntryValues((dn, text) => this.report(dn, text));
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

  add({ dn, attributes }: EntryData): void {
    const number = this.#names.numberOf(dn);
    if (number === undefined) {
      this.report(dn.slice(0, 200), "the name of the entry cannot be read");
      return;
    }
    if (number === NameTree.top) return;
    for (const attribute of attributes) {
      const kind = this.#values.kindOf(attribute.type);
      const { name, link, stored, cutShort } = kind;
      if (cutShort)
        this.report(
          dn,
          `${name} was cut short by the server (${attribute.type}): there are more values than were read`,
        );
      if (link !== undefined)
        for (const value of attribute.values) this.#addLink(dn, number, link, this.#values.textOf(value));
      else if (stored && attribute.values.length > 0)
        this.#shapes.add(name, this.#values.read(dn, kind, attribute));
    }
    this.#setEntry(number, { dn, attributes: this.#shapes.finish() });
  }

  /** @throws DirectoryError NO_DOMAIN when no entry belongs to a domain */
  finish(): LoadedDirectory {
    const store = new MemoryStore();
    const settings = settingsOf(this.#entries, this.#names, this.#options);
    store.setSetting(domainSettingsKey, settings);
    this.#adoptMappings(store);
    const root = this.#addRoot(settings.dnsName);
    const ids = new Uint32Array(this.#names.size);
    for (const [number, entry] of this.#entries.entries())
      if (entry !== undefined) this.#place(store, ids, number, entry.dn, root);
    let dangling = 0;
    for (let at = 0; at < this.#links.length; at += 2) {
      const source = ids[this.#links[at] ?? 0];
      const target = ids[this.#links[at + 1] ?? 0];
      if (source && target) store.link("member", source, target);
      else dangling++;
    }
    if (dangling > 0)
      this.report("member", `${dangling} group memberships name objects that are not in the source`);
    const directory = new MemoryDirectory({ ...this.#options.directory, lazyKeys: true }, store);
    const more = { where: "and more", text: `${this.#moreProblems} further problems were not listed` };
    const problems = this.#moreProblems === 0 ? this.#problems : [...this.#problems, more];
    return { directory, problems, objects: ids.filter((id) => id !== 0).length };
  }

  #setEntry(number: number, entry: Entry): void {
    // Without holes, which would make another kind of array of it.
    while (this.#entries.length < number) this.#entries.push(undefined);
    this.#entries[number] = entry;
  }

  #addLink(dn: string, own: number, end: "member" | "memberof", other: string): void {
    const far = this.#names.numberOf(other);
    if (far === undefined) this.report(dn, `a value of ${end} is no distinguished name`);
    else if (end === "member") this.#links.push(own, far);
    else this.#links.push(far, own);
  }

  /** The head of the domain, with its SID taken from an account when the source left it out. */
  #addRoot(dnsName: string): number {
    const dn = dnOfDomain(dnsName);
    const number = this.#names.numberOf(dn) ?? NameTree.top;
    const head = this.#entries[number];
    if (head?.attributes.has("objectsid") === true) return number;
    const sid = domainSidIn(this.#entries);
    const attributes = new Map(head?.attributes ?? [["objectclass", ["top", "domain", "domainDNS"]]]);
    if (sid !== undefined) attributes.set("objectsid", [encodeSid(sid)]);
    if (head === undefined)
      this.report(
        dn.toLowerCase(),
        "the source lacks the domain's own entry: its policy is assumed to be the default",
      );
    this.#setEntry(number, { dn: head?.dn ?? dn, attributes });
    return number;
  }

  /** Puts an entry below its parent; parents that the source left out are made up as containers. `ids` is 0 for what is yet to come. */
  #place(store: MemoryStore, ids: Uint32Array, number: number, name: string, root: number): number {
    const known = ids[number];
    if (known) return known;
    const entry = this.#entries[number];
    const dn = entry?.dn ?? name;
    const rdn = firstRdn(dn);
    const above = this.#names.parentOf(number);
    // Every name ends in a naming context: the domain, or whatever other DC names the entry lies under.
    const isRoot = number === root || above === NameTree.top || this.#names.isDomain(number);
    const parentId = isRoot ? 0 : this.#place(store, ids, above, dn.slice(rdn.length + 1).trimStart(), root);
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
      : this.#shapes.of([...attributes, [unreadableAttribute, this.#values.shared(unreadable)]]);
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

function firstRdn(dn: string): string {
  for (let at = 0; at < dn.length; at++) {
    if (dn[at] === "\\") at++;
    else if (dn[at] === "," || dn[at] === ";") return dn.slice(0, at);
  }
  return dn;
}
