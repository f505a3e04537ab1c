import { fromUtf8 } from "@waybill/base";
import type { EntryData, LdapAttribute } from "@waybill/ldap";
import { DirectoryError } from "../errors.ts";
import { MemoryDirectory, type MemoryDirectoryOptions } from "../memory/memory-directory.ts";
import { rdnKey, splitDn } from "../names/dn.ts";
import { parseGuid } from "../names/guid.ts";
import { unreadableAttribute } from "../reader/account-from-object.ts";
import { type DomainSettings, domainSettingsKey } from "../reader/domain-from-store.ts";
import { attributeSyntax } from "../schema/attributes.ts";
import { parseSddl } from "../security/sddl.ts";
import { encodeSecurityDescriptor } from "../security/security-descriptor.ts";
import { decodeSid, domainOf, encodeSid } from "../security/sid.ts";
import { MemoryStore } from "../store/memory-store.ts";
import type { AttributeValue, StoredObject } from "../store/stored-object.ts";

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
  "userAccountControl",
  "servicePrincipalName",
  "msDS-AllowedToDelegateTo",
  "msDS-AllowedToActOnBehalfOfOtherIdentity",
  "msDS-SupportedEncryptionTypes",
  "memberOf",
  "accountExpires",
  "pwdLastSet",
  "lockoutTime",
];

/** Every account has these; one that shows none hides them, and with them who knows what else. */
const mandatory: readonly string[] = ["useraccountcontrol", "primarygroupid"];

/** Takes entries in any order and makes a directory of them. */
export class DirectoryBuilder {
  readonly #entries = new Map<
    string,
    { readonly dn: string; readonly attributes: Map<string, AttributeValue[]> }
  >();
  readonly #links: { readonly group: string; readonly member: string }[] = [];
  readonly #problems: LoadProblem[] = [];
  readonly #options: LoadOptions;

  constructor(options: LoadOptions = {}) {
    this.#options = options;
  }

  report(where: string, text: string): void {
    this.#problems.push({ where, text });
  }

  add(entry: EntryData): void {
    let keys: string[];
    try {
      keys = splitDn(entry.dn).map(rdnKey);
    } catch {
      this.report(entry.dn.slice(0, 200), "the name of the entry cannot be read");
      return;
    }
    if (keys.length === 0) return;
    const attributes = new Map<string, AttributeValue[]>();
    for (const attribute of entry.attributes) this.#addAttribute(entry.dn, attribute, attributes);
    this.#entries.set(keys.join(","), { dn: entry.dn, attributes });
  }

  /** @throws DirectoryError NO_DOMAIN when no entry belongs to a domain */
  finish(): LoadedDirectory {
    const store = new MemoryStore();
    const settings = this.#domainSettings();
    store.setSetting(domainSettingsKey, settings);
    this.#adoptMappings(store);
    const ids = new Map<string, number>();
    const root = settings.dnsName
      .split(".")
      .map((label) => `dc=${label}`)
      .join(",");
    this.#addRoot(root);
    for (const [key, { dn }] of this.#entries) this.#place(store, ids, key, dn, root);
    let dangling = 0;
    for (const { group, member } of this.#links) {
      const source = ids.get(group);
      const target = ids.get(member);
      if (source !== undefined && target !== undefined) store.link("member", source, target);
      else dangling++;
    }
    if (dangling > 0)
      this.report("member", `${dangling} group memberships name objects that are not in the source`);
    const directory = new MemoryDirectory({ ...this.#options.directory, lazyKeys: true }, store);
    return { directory, problems: this.#problems, objects: ids.size };
  }

  #addAttribute(
    dn: string,
    { type, values }: LdapAttribute,
    attributes: Map<string, AttributeValue[]>,
  ): void {
    const name = type.replace(/;.*/, "").toLowerCase();
    if (name === "member" || name === "memberof") {
      for (const value of values) this.#addLink(dn, name, fromUtf8(value));
      return;
    }
    if (notStored.has(name) || values.length === 0) return;
    const read: AttributeValue[] = [];
    for (const value of values) {
      const stored = this.#readValue(dn, name, value);
      if (stored !== undefined) read.push(stored);
    }
    attributes.set(name, [...(attributes.get(name) ?? []), ...read]);
  }

  #addLink(dn: string, name: string, other: string): void {
    try {
      const [own, far] = [splitDn(dn).map(rdnKey).join(","), splitDn(other).map(rdnKey).join(",")];
      this.#links.push(name === "member" ? { group: own, member: far } : { group: far, member: own });
    } catch {
      this.report(dn, `a value of ${name} is no distinguished name`);
    }
  }

  /** Binary attributes come as octets, or as text from tools that mean well. */
  #readValue(dn: string, name: string, value: Uint8Array): AttributeValue | undefined {
    const syntax = attributeSyntax(name);
    if (syntax !== "sid" && syntax !== "security-descriptor" && syntax !== "octets") {
      const text = fromUtf8(value);
      if (text.includes("\ufffd")) this.report(dn, `a value of ${name} is not UTF-8`);
      return text;
    }
    const text = value.length < 4096 ? Buffer.from(value).toString("latin1") : "";
    try {
      if (syntax === "sid" && /^S-1-\d/.test(text)) return encodeSid(text);
      if (syntax === "security-descriptor" && /^[OGDS]:/.test(text))
        return encodeSecurityDescriptor(parseSddl(text));
      if (name === "objectguid" && /^[0-9a-f-]{36}$/i.test(text)) return parseGuid(text);
    } catch (error) {
      this.report(dn, `a value of ${name} cannot be read: ${error instanceof Error ? error.message : ""}`);
      return undefined;
    }
    if (syntax === "sid") {
      try {
        return encodeSid(decodeSid(value));
      } catch {
        this.report(dn, `a value of ${name} is no security identifier`);
        return undefined;
      }
    }
    return new Uint8Array(value);
  }

  #domainSettings(): DomainSettings {
    const { dnsName, netbiosName } = this.#options;
    const name = dnsName?.toLowerCase() ?? this.#guessDomain();
    const dn = name
      .split(".")
      .map((label) => `dc=${label}`)
      .join(",");
    const crossRef = [...this.#entries.values()].find(({ attributes }) => {
      const [context] = attributes.get("ncname") ?? [];
      return typeof context === "string" && context.toLowerCase() === dn && attributes.has("netbiosname");
    });
    const [known] = crossRef?.attributes.get("netbiosname") ?? [];
    const fallback = (name.split(".")[0] ?? name).toUpperCase();
    return { dnsName: name, netbiosName: netbiosName ?? (typeof known === "string" ? known : fallback) };
  }

  /** The domain most entries lie in, or the one whose head is among them. */
  #guessDomain(): string {
    const counts = new Map<string, number>();
    for (const [key, { attributes }] of this.#entries) {
      const labels = key.split(",").filter((part) => part.startsWith("dc="));
      const classes = attributes.get("objectclass") ?? [];
      const isHead = classes.some((value) => typeof value === "string" && /^domain(dns)?$/i.test(value));
      const name = labels.map((label) => label.slice(3)).join(".");
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
    const head = this.#entries.get(root);
    if (head?.attributes.has("objectsid") === true) return;
    const account = [...this.#entries.values()].find(
      ({ attributes }) => attributes.has("samaccountname") && domainSidOf(attributes) !== undefined,
    );
    const sid = account === undefined ? undefined : domainSidOf(account.attributes);
    const attributes =
      head?.attributes ??
      new Map<string, AttributeValue[]>([["objectclass", ["top", "domain", "domainDNS"]]]);
    if (sid !== undefined) attributes.set("objectsid", [encodeSid(sid)]);
    if (head === undefined) {
      this.report(root, "the source lacks the domain's own entry: its policy is assumed to be the default");
      this.#entries.set(root, {
        dn: root.toUpperCase().replace(/DC=([^,]*)/g, (_, label: string) => `DC=${label.toLowerCase()}`),
        attributes,
      });
    }
  }

  /** Puts an entry below its parent; parents that the source left out are made up as containers. */
  #place(store: MemoryStore, ids: Map<string, number>, key: string, name: string, root: string): number {
    const known = ids.get(key);
    if (known !== undefined) return known;
    const entry = this.#entries.get(key);
    const dn = entry?.dn ?? name;
    const keys = splitDn(dn).map(rdnKey);
    // Every name ends in a naming context: the domain, or whatever other DC names the entry lies under.
    const isRoot = key === root || keys.every((part) => part.startsWith("dc=")) || keys.length === 1;
    const rdn = isRoot ? dn : firstRdn(dn);
    const above = dn.slice(rdn.length + 1).trimStart();
    const parentId = isRoot ? 0 : this.#place(store, ids, keys.slice(1).join(","), above, root);
    const attributes =
      entry === undefined ? new Map([["objectclass", ["top", "container"]]]) : this.#complete(entry);
    const object: StoredObject = { id: store.nextId(), parentId, rdn, attributes };
    store.put(object);
    ids.set(key, object.id);
    return object.id;
  }

  /** Notes which attributes the source hides. */
  #complete({
    attributes,
  }: {
    readonly attributes: Map<string, AttributeValue[]>;
  }): Map<string, AttributeValue[]> {
    if (!attributes.has("samaccountname") || attributes.has("grouptype")) return attributes;
    const asked = this.#options.attributes?.map((name) => name.toLowerCase());
    const notAsked =
      asked === undefined ? [] : decisive.filter((name) => !asked.includes(name.toLowerCase()));
    const hides = mandatory.some((name) => !attributes.has(name));
    const hidden = hides ? decisive.filter((name) => !attributes.has(name.toLowerCase())) : [];
    const unreadable = [...new Set([...notAsked, ...hidden].map((name) => name.toLowerCase()))];
    if (unreadable.length > 0) attributes.set(unreadableAttribute, unreadable);
    return attributes;
  }

  /** The forest may stand for other services by HOST than usual. */
  #adoptMappings(store: MemoryStore): void {
    for (const { attributes } of this.#entries.values()) {
      const mappings = attributes.get("spnmappings");
      const host = mappings?.find((value) => typeof value === "string" && /^host=/i.test(value));
      if (typeof host === "string") store.setSetting("hostAliases", host.slice(5).toLowerCase().split(","));
    }
  }
}

function domainSidOf(attributes: ReadonlyMap<string, readonly AttributeValue[]>): string | undefined {
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
