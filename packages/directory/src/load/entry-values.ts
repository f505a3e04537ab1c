import { fromUtf8 } from "@waybill/base";
import type { LdapAttribute } from "@waybill/ldap";
import { parseGuid } from "../names/guid.ts";
import { type AttributeSyntax, attributeSyntax } from "../schema/attributes.ts";
import { parseSddl } from "../security/parse-sddl.ts";
import { encodeSecurityDescriptor } from "../security/security-descriptor.ts";
import { encodeSid } from "../security/sid.ts";
import type { AttributeValue } from "../store/stored-object.ts";

/** What is to know of an attribute by the name it came under. */
export interface AttributeKind {
  /** In lower case, without options. */
  readonly name: string;
  readonly syntax: AttributeSyntax;
  /** Of links, at whose end the entry is that has them; they are no values of its own. */
  readonly link: "member" | "memberof" | undefined;
  /** Whether its values are stored. */
  readonly stored: boolean;
  /** The server kept values back, and said so in the name. */
  readonly cutShort: boolean;
  /** The attribute has few different values in a whole domain. */
  readonly repeating: boolean;
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

/** A source has some tens of names; one that has more is hostile, and is not remembered. */
const mostKinds = 10_000;

/** Makes stored values of what comes over LDAP or out of a file. */
export class EntryValues {
  readonly #report: (dn: string, text: string) => void;
  readonly #kinds = new Map<string, AttributeKind>();
  readonly #single = new Map<string, readonly string[]>();
  readonly #lists = new Map<string, readonly string[]>();
  readonly #kept = new KeptBytes();
  /** All of the memory that the last value was a piece of: values come one after the other. */
  #memory: Buffer = Buffer.alloc(0);

  constructor(report: (dn: string, text: string) => void) {
    this.#report = report;
  }

  kindOf(type: string): AttributeKind {
    const known = this.#kinds.get(type);
    if (known !== undefined) return known;
    const kind = kindOf(type);
    if (this.#kinds.size < mostKinds) this.#kinds.set(type, kind);
    return kind;
  }

  /** What can be read of the values; what cannot is reported. */
  read(dn: string, kind: AttributeKind, { values }: LdapAttribute): readonly AttributeValue[] {
    if (kind.repeating) return this.shared(values.map((value) => this.#text(dn, kind, value)));
    const read: AttributeValue[] = [];
    for (const value of values) {
      const stored = this.#readValue(dn, kind, value);
      if (stored !== undefined) read.push(stored);
    }
    return read;
  }

  /** Most values are ASCII, which needs no decoder. */
  textOf(value: Uint8Array): string {
    for (let at = 0; at < value.length; at++) if ((value[at] ?? 0) >= 0x80) return fromUtf8(value);
    if (this.#memory.buffer !== value.buffer) this.#memory = Buffer.from(value.buffer);
    return this.#memory.toString("latin1", value.byteOffset, value.byteOffset + value.length);
  }

  /** The same array for the same texts. */
  shared(texts: readonly string[]): readonly string[] {
    const [first = ""] = texts;
    const lists = texts.length === 1 ? this.#single : this.#lists;
    const key = texts.length === 1 ? first : texts.join("\0");
    const known = lists.get(key);
    if (known !== undefined) return known;
    lists.set(key, texts);
    return texts;
  }

  #text(dn: string, { name }: AttributeKind, value: Uint8Array): string {
    const text = this.textOf(value);
    if (text.includes("\ufffd")) this.#report(dn, `a value of ${name} is not UTF-8`);
    return text;
  }

  /** Binary attributes come as octets, or as text from tools that mean well. */
  #readValue(dn: string, kind: AttributeKind, value: Uint8Array): AttributeValue | undefined {
    const { name, syntax } = kind;
    if (syntax !== "sid" && syntax !== "security-descriptor" && syntax !== "octets")
      return this.#text(dn, kind, value);
    try {
      const octets = value.length < 4096 ? meant(name, syntax, value) : undefined;
      if (octets !== undefined) return octets;
    } catch (error) {
      this.#report(dn, `a value of ${name} cannot be read: ${error instanceof Error ? error.message : ""}`);
      return undefined;
    }
    if (syntax === "sid" && !isSid(value)) {
      this.#report(dn, `a value of ${name} is no security identifier`);
      return undefined;
    }
    return this.#kept.copyOf(value);
  }
}

const slabSize = 64 * 1024;

/** Octets that stay, many in one piece of memory; apart from those of messages, which would stay with them. */
class KeptBytes {
  #slab = new Uint8Array(slabSize);
  #used = 0;

  copyOf(value: Uint8Array): Uint8Array {
    if (value.length > slabSize / 8) return value.slice();
    if (this.#used + value.length > slabSize) {
      this.#slab = new Uint8Array(slabSize);
      this.#used = 0;
    }
    const copy = this.#slab.subarray(this.#used, this.#used + value.length);
    copy.set(value);
    this.#used += value.length;
    return copy;
  }
}

function kindOf(type: string): AttributeKind {
  const semicolon = type.indexOf(";");
  const name = (semicolon < 0 ? type : type.slice(0, semicolon)).toLowerCase();
  return {
    name,
    syntax: attributeSyntax(name),
    link: name === "member" || name === "memberof" ? name : undefined,
    stored: !notStored.has(name),
    cutShort: /;range=\d+-\d/i.test(type),
    repeating: repeating.has(name),
  };
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
