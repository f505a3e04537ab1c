import { KerberosError } from "./errors.ts";
import type { PrincipalName } from "./messages/basic.ts";
import { NameType } from "./registry/name-type.ts";

/** A principal: the realm and the name's components, unescaped. `alice@LAB.TEST` has one component. */
export interface Principal {
  readonly realm: string;
  readonly nameType: number;
  readonly components: readonly string[];
}

/** What a written name leaves open. */
export interface ParsePrincipalOptions {
  /** The realm of a name written without one. Without it such a name is an error. */
  readonly defaultRealm?: string | undefined;
  /** Name type to give. Default: NT-SRV-INST for krbtgt/…, NT-SRV-HST for two components, else NT-PRINCIPAL. */
  readonly nameType?: number | undefined;
}

/**
 * Reads `comp/comp@REALM`. A backslash quotes the next character (`\n`, `\t`, `\b`, `\0` are control
 * characters), spaces need no quoting: RFC 1964 section 2.1.1. For NT-ENTERPRISE only the last `@` separates.
 *
 * @throws KerberosError INVALID_PRINCIPAL
 */
export function parsePrincipal(text: string, options: ParsePrincipalOptions = {}): Principal {
  const enterprise = options.nameType === NameType.enterprise;
  const lastAt = enterprise ? text.lastIndexOf("@") : -1;
  const loneAt = enterprise && text.indexOf("@") === lastAt;
  const components: string[] = [];
  let part = "";
  let realm: string | undefined;
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === "\\") {
      const next = text.charAt(++at);
      if (next === "") throw invalid(text, "it ends in a backslash");
      part += controls.get(next) ?? next;
    } else if (character === "/" && realm === undefined && !enterprise) {
      components.push(part);
      part = "";
    } else if (character === "@" && (!enterprise || (at === lastAt && !loneAt))) {
      if (realm !== undefined) throw invalid(text, "it has two unquoted @");
      components.push(part);
      part = "";
      realm = "";
    } else part += character;
  }
  if (realm === undefined) {
    components.push(part);
    realm = options.defaultRealm;
    if (realm === undefined) throw invalid(text, "it names no realm and there is no default realm");
  } else realm = part;
  if (realm === "") throw invalid(text, "its realm is empty");
  if (components.every((component) => component === "")) throw invalid(text, "its name is empty");
  return { realm, nameType: options.nameType ?? guessType(components), components };
}

/** Writes what `parsePrincipal` reads. `display` leaves spaces and all else unquoted, for people to read. */
export function formatPrincipal(principal: Principal, options: { readonly display?: boolean } = {}): string {
  const quote = options.display ? (text: string): string => text : quoted;
  return `${formatName(principal, quote)}@${quote(principal.realm)}`;
}

/** The name without its realm, as SPNs are written in a directory: `host/kvm01.lab.test`. */
export function formatName(principal: Principal, quote = quoted): string {
  return principal.components.map(quote).join("/");
}

/** The same realm and components; name types are hints and do not count (RFC 4120 section 6.2). */
export function samePrincipal(left: Principal, right: Principal): boolean {
  return (
    left.realm === right.realm &&
    left.components.length === right.components.length &&
    left.components.every((component, index) => component === right.components[index])
  );
}

/** A principal of the two parts it has on the wire. */
export function toPrincipal(realm: string, name: PrincipalName): Principal {
  return { realm, nameType: name.nameType, components: name.nameString };
}

/** The part of a principal that messages carry apart from the realm. */
export function toPrincipalName(principal: Principal): PrincipalName {
  return { nameType: principal.nameType, nameString: [...principal.components] };
}

/** `krbtgt/FOR@AT`: the ticket-granting service of realm `realm`, as known in realm `at`. */
export function ticketGrantingService(realm: string, at: string = realm): Principal {
  return { realm: at, nameType: NameType.srvInst, components: ["krbtgt", realm] };
}

/** Whether it is `krbtgt/…`: a ticket to it gets other tickets. */
export function isTicketGrantingService(principal: Principal): boolean {
  return principal.components.length === 2 && principal.components[0] === "krbtgt";
}

function guessType(components: readonly string[]): number {
  if (components.length < 2) return NameType.principal;
  return components[0] === "krbtgt"
    ? NameType.srvInst
    : components.length === 2
      ? NameType.srvHst
      : NameType.principal;
}

const controls: ReadonlyMap<string, string> = new Map([
  ["n", "\n"],
  ["t", "\t"],
  ["b", "\b"],
  ["0", "\0"],
]);
const quotes: ReadonlyMap<string, string> = new Map([
  ...[...controls].map(([letter, control]) => [control, `\\${letter}`] as const),
  ...["\\", "/", "@"].map((character) => [character, `\\${character}`] as const),
]);

function quoted(text: string): string {
  let out = "";
  for (const character of text) out += quotes.get(character) ?? character;
  return out;
}

function invalid(text: string, why: string): KerberosError {
  return new KerberosError(`"${text}" is not a principal name: ${why}`, {
    code: "INVALID_PRINCIPAL",
    family: "caller",
    remedy: "Write name@REALM or service/host@REALM.",
  });
}
