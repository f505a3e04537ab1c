import { fromHex, fromUtf8, toHex, utf8 } from "@waybill/base";
import { LdapSyntaxError } from "./errors.ts";

/** One attribute of a relative distinguished name. */
export interface DnAttribute {
  readonly type: string;
  /** The value as text; for the `#hex` form the BER octets are in `ber` and this is their `#hex` spelling. */
  readonly value: string;
  readonly ber?: Uint8Array | undefined;
}

/** One or, rarely, several attributes (`CN=a+UID=b`). */
export type Rdn = readonly DnAttribute[];

/** A distinguished name, the most specific part first; empty for the root. */
export type Dn = readonly Rdn[];

/**
 * Reads the string form of RFC 4514, and what RFC 2253 clients still write: spaces around separators, `;`
 * between RDNs, `OID.` before numbers, quoted values.
 *
 * @throws LdapSyntaxError
 */
export function parseDn(text: string): Dn {
  const parser = new DnParser(text);
  return parser.dn();
}

/** The same name for every spelling that is equal under caseIgnoreMatch: a key for maps. */
export function normalizeDn(dn: Dn | string): string {
  const parsed = typeof dn === "string" ? parseDn(dn) : dn;
  return parsed.map(normalizeRdn).join(",");
}

export function formatDn(dn: Dn): string {
  return dn.map(formatRdn).join(",");
}

export function formatRdn(rdn: Rdn): string {
  return rdn
    .map(({ type, value, ber }) => `${type}=${ber === undefined ? escapeDnValue(value) : `#${toHex(ber)}`}`)
    .join("+");
}

export function equalDn(left: Dn | string, right: Dn | string): boolean {
  return normalizeDn(left) === normalizeDn(right);
}

/** Whether `dn` is `ancestor` or lies below it. */
export function isWithin(dn: Dn | string, ancestor: Dn | string): boolean {
  const inner = typeof dn === "string" ? parseDn(dn) : dn;
  const outer = typeof ancestor === "string" ? parseDn(ancestor) : ancestor;
  return (
    inner.length >= outer.length &&
    normalizeDn(inner.slice(inner.length - outer.length)) === normalizeDn(outer)
  );
}

/** The name without its first RDN; the root's parent is `undefined`. */
export function parentDn(dn: Dn): Dn | undefined {
  return dn.length === 0 ? undefined : dn.slice(1);
}

/** Writes a value so that it reads back as itself: RFC 4514 section 2.4. */
export function escapeDnValue(value: string): string {
  let escaped = "";
  const last = value.length - 1;
  for (let i = 0; i <= last; i++) {
    const char = value.charAt(i);
    if (char === "\0") escaped += "\\00";
    else if (char === "\n" || char === "\r") escaped += `\\${char === "\n" ? "0A" : "0D"}`;
    else if ('"+,;<>\\='.includes(char)) escaped += `\\${char}`;
    else if (char === " " && (i === 0 || i === last)) escaped += "\\ ";
    else if (char === "#" && i === 0) escaped += "\\#";
    else escaped += char;
  }
  return escaped;
}

/** `dc=lab,dc=test` for the DNS name `lab.test`. */
export function dnFromDomain(dnsName: string): string {
  return formatDn(dnsName.split(".").map((label) => [{ type: "DC", value: label }]));
}

/** The DNS name in the trailing DC parts; `undefined` when there are none. */
export function domainFromDn(dn: Dn | string): string | undefined {
  const parsed = typeof dn === "string" ? parseDn(dn) : dn;
  const labels: string[] = [];
  for (const rdn of parsed) {
    const [only] = rdn;
    if (only !== undefined && rdn.length === 1 && canonicalType(only.type) === "dc") labels.push(only.value);
    else labels.length = 0;
  }
  return labels.length === 0 ? undefined : labels.join(".").toLowerCase();
}

function normalizeRdn(rdn: Rdn): string {
  const parts = rdn.map(({ type, value, ber }) => {
    const text = ber === undefined ? escapeDnValue(foldText(value)) : `#${toHex(ber)}`;
    return `${canonicalType(type)}=${text}`;
  });
  return parts.length === 1 ? (parts[0] ?? "") : parts.sort().join("+");
}

/** Case and insignificant spaces removed: a usable part of the string preparation of RFC 4518. */
export function foldText(text: string): string {
  const folded = text.normalize("NFKC").toLowerCase();
  return folded.includes(" ") ? folded.replace(/ +/g, " ").trim() : folded;
}

/** Keyword of RFC 4514 section 3 for the number, so that both spellings are equal. */
const keywords = new Map([
  ["2.5.4.3", "cn"],
  ["2.5.4.7", "l"],
  ["2.5.4.8", "st"],
  ["2.5.4.10", "o"],
  ["2.5.4.11", "ou"],
  ["2.5.4.6", "c"],
  ["2.5.4.9", "street"],
  ["0.9.2342.19200300.100.1.25", "dc"],
  ["0.9.2342.19200300.100.1.1", "uid"],
]);

function canonicalType(type: string): string {
  const lower = type.toLowerCase();
  return keywords.get(lower) ?? lower;
}

class DnParser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  dn(): Dn {
    const rdns: Rdn[] = [];
    this.#spaces();
    if (this.#at === this.#text.length) return rdns;
    for (;;) {
      rdns.push(this.#rdn());
      if (this.#at === this.#text.length) return rdns;
      this.#at++; // the separator #rdn stopped at
    }
  }

  #rdn(): Rdn {
    const attributes: DnAttribute[] = [];
    for (;;) {
      attributes.push(this.#attribute());
      if (this.#text[this.#at] !== "+") return attributes;
      this.#at++;
    }
  }

  #attribute(): DnAttribute {
    this.#spaces();
    const match = /(?:OID\.)?([A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)*) *=/iy;
    match.lastIndex = this.#at;
    const type = match.exec(this.#text)?.[1];
    if (type === undefined) throw this.#error("expected an attribute type and =");
    this.#at = match.lastIndex;
    this.#spaces();
    const first = this.#text[this.#at];
    if (first === "#") return { type, ...this.#hexValue() };
    return { type, value: first === '"' ? this.#quotedValue() : this.#plainValue() };
  }

  #hexValue(): { value: string; ber: Uint8Array } {
    const match = /#((?:[0-9a-f]{2})+) *(?=[,;+]|$)/iy;
    match.lastIndex = this.#at;
    const digits = match.exec(this.#text)?.[1];
    if (digits === undefined) throw this.#error("expected pairs of hexadecimal digits");
    this.#at = match.lastIndex;
    return { value: `#${digits.toLowerCase()}`, ber: fromHex(digits) };
  }

  #quotedValue(): string {
    this.#at++;
    const value = this.#characters('"', "");
    if (this.#text[this.#at] !== '"') throw this.#error("the quote is not closed");
    this.#at++;
    this.#spaces();
    if (this.#at < this.#text.length && !",;+".includes(this.#text.charAt(this.#at))) {
      throw this.#error("expected a separator after the quoted value");
    }
    return value;
  }

  #plainValue(): string {
    return this.#characters(",;+", '"<>');
  }

  /** Up to one of `stops`; trailing unescaped spaces do not count outside quotes. */
  #characters(stops: string, forbidden: string): string {
    let value = "";
    let significant = 0;
    while (this.#at < this.#text.length) {
      const char = this.#text.charAt(this.#at);
      if (stops.includes(char)) break;
      if (forbidden.includes(char)) throw this.#error(`${char} must be escaped`);
      if (char === "\\") {
        value += this.#escape();
        significant = value.length;
        continue;
      }
      value += char;
      this.#at++;
      if (char !== " " || stops === '"') significant = value.length;
    }
    return value.slice(0, significant);
  }

  /** One escaped character, or a run of `\XX` octets that together are UTF-8. */
  #escape(): string {
    const run = /(?:\\[0-9a-f]{2})+/iy;
    run.lastIndex = this.#at;
    const hex = run.exec(this.#text)?.[0];
    if (hex !== undefined) {
      const octets = fromHex(hex.replaceAll("\\", ""));
      const text = fromUtf8(octets);
      if (utf8(text).length !== octets.length || text.includes("\ufffd"))
        throw this.#error("the octets are not UTF-8");
      this.#at = run.lastIndex;
      return text;
    }
    const char = this.#text.charAt(this.#at + 1);
    if (char === "" || !' "#+,;<=>\\'.includes(char)) throw this.#error("unknown escape");
    this.#at += 2;
    return char;
  }

  #spaces(): void {
    while (this.#text[this.#at] === " ") this.#at++;
  }

  #error(problem: string): LdapSyntaxError {
    return new LdapSyntaxError("DN", problem, this.#at);
  }
}
