import { equalBytes, fromUtf8, utf8 } from "@waybill/base";
import {
  type AttributeChange,
  type AttributeSyntax,
  type EntryData,
  type FilterSchema,
  formatDn,
  invalidCredentials,
  isWithin,
  type LdapAttribute,
  type LdapBackend,
  LdapError,
  type LdapOperation,
  type LdapSession,
  matchesFilter,
  normalizeDn,
  parentDn,
  parseDn,
  type RenameTarget,
  type SearchItem,
  type SearchOperation,
  type SecurityContext,
  textAttribute,
} from "../../src/index.ts";

const syntaxes: Readonly<Record<string, AttributeSyntax>> = {
  objectguid: "octet",
  objectsid: "sid",
  useraccountcontrol: "integer",
  member: "dn",
  memberof: "dn",
};

export const base = "DC=lab,DC=test";

/** A small directory in memory: enough to have a server to talk to. Everybody may do everything. */
export class MemoryBackend implements LdapBackend<{ name: string }> {
  readonly entries = new Map<string, { dn: string; attributes: Map<string, LdapAttribute> }>();
  readonly passwords = new Map<string, string>([["alice@lab.test", "Secret.1"]]);
  /** What sessions looked like at their binds. */
  readonly binds: LdapSession<{ name: string }>[] = [];
  /** Signals of searches, in order. */
  readonly searchSignals: AbortSignal[] = [];
  open = 0;

  constructor() {
    this.put(base, { objectClass: ["top", "domain"] });
    this.put(`CN=Users,${base}`, { objectClass: ["top", "container"], cn: "Users" });
  }

  put(dn: string, attributes: Record<string, string | string[] | Uint8Array>): void {
    const map = new Map<string, LdapAttribute>([["objectclass", textAttribute("objectClass", "top")]]);
    for (const [type, value] of Object.entries(attributes)) {
      const values = value instanceof Uint8Array ? [value] : [value].flat().map(utf8);
      map.set(type.toLowerCase(), { type, values });
    }
    this.entries.set(normalizeDn(dn), { dn, attributes: map });
  }

  readonly schema: FilterSchema = { syntaxOf: (name) => this.syntaxOf(name) };

  syntaxOf(name: string): AttributeSyntax {
    return syntaxes[name] ?? "unicode";
  }

  rootDse(): LdapAttribute[] {
    return [textAttribute("defaultNamingContext", base), textAttribute("namingContexts", base)];
  }

  bindSimple(name: string, password: Uint8Array, session: LdapSession<{ name: string }>): { name: string } {
    this.binds.push(session);
    if (name === "disabled@lab.test") throw invalidCredentials("accountDisabled");
    const expected = this.passwords.get(name);
    if (expected === undefined || !equalBytes(utf8(expected), password))
      throw invalidCredentials("wrongPassword");
    return { name };
  }

  bindSasl(context: SecurityContext, session: LdapSession<{ name: string }>): { name: string } {
    this.binds.push(session);
    if (context.peerName.startsWith("mallory")) throw invalidCredentials("accountDisabled");
    return { name: context.peerName };
  }

  whoAmI(session: LdapSession<{ name: string }>): string {
    return `u:${session.identity?.name ?? ""}`;
  }

  async *search(
    request: SearchOperation,
    operation: LdapOperation<{ name: string }>,
  ): AsyncGenerator<SearchItem, void, undefined> {
    this.searchSignals.push(operation.signal);
    const baseDn = parse(request.baseDn);
    if (!this.entries.has(normalizeDn(baseDn))) throw noSuchObject(request.baseDn);
    this.open++;
    try {
      for (const { dn, attributes } of this.entries.values()) {
        const depth = parseDn(dn).length - baseDn.length;
        if (!isWithin(dn, baseDn)) continue;
        if ((request.scope === "base" && depth !== 0) || (request.scope === "one" && depth !== 1)) continue;
        const entry: EntryData = { dn, attributes: [...attributes.values()] };
        if (matchesFilter(request.filter, entry, this.schema)) yield entry;
      }
    } finally {
      this.open--;
    }
  }

  compare(dn: string, assertion: { type: string; value: Uint8Array }): boolean {
    const values = this.#entry(dn).attributes.get(assertion.type.toLowerCase())?.values;
    if (values === undefined) throw new LdapError({ resultCode: "noSuchAttribute" });
    return values.some((value) => equalBytes(value, assertion.value));
  }

  add(entry: EntryData, _operation: LdapOperation<{ name: string }>): void | Promise<void> {
    const key = normalizeDn(parse(entry.dn));
    if (this.entries.has(key)) throw new LdapError({ resultCode: "entryAlreadyExists" });
    const parent = parentDn(parseDn(entry.dn));
    if (parent === undefined || !this.entries.has(normalizeDn(parent))) throw noSuchObject(entry.dn);
    const attributes = new Map(
      entry.attributes.map((attribute) => [attribute.type.toLowerCase(), attribute]),
    );
    this.entries.set(key, { dn: entry.dn, attributes });
  }

  modify(dn: string, changes: readonly AttributeChange[], operation: LdapOperation<{ name: string }>): void {
    const entry = this.#entry(dn);
    const { assertion, permissiveModify } = operation.controls;
    const data = { dn: entry.dn, attributes: [...entry.attributes.values()] };
    if (assertion !== undefined && !matchesFilter(assertion, data, this.schema)) {
      throw new LdapError({ resultCode: "assertionFailed" });
    }
    const next = new Map(entry.attributes);
    for (const { operation: kind, type, values } of changes) {
      const key = type.toLowerCase();
      let current = kind === "replace" ? [] : [...(next.get(key)?.values ?? [])];
      if (kind === "delete" && values.length === 0) current = [];
      for (const value of values) {
        const at = current.findIndex((present) => equalBytes(present, value));
        if (kind === "delete") {
          if (at >= 0) current.splice(at, 1);
          else if (!permissiveModify) throw new LdapError({ resultCode: "noSuchAttribute" });
        } else if (at < 0) current.push(value);
        else if (!permissiveModify) throw new LdapError({ resultCode: "attributeOrValueExists" });
      }
      if (current.length === 0) next.delete(key);
      else next.set(key, { type, values: current });
    }
    entry.attributes = next;
  }

  delete(dn: string, operation: LdapOperation<{ name: string }>): void | Promise<void> {
    this.#entry(dn);
    const below = [...this.entries].filter(([, entry]) => isWithin(entry.dn, dn));
    if (below.length > 1 && !operation.controls.treeDelete) {
      throw new LdapError({
        resultCode: "notAllowedOnNonLeaf",
        diagnosticMessage: "00002015: UpdErr: DSID-031A11F4, problem 6003 (CANT_ON_NON_LEAF), data 0",
      });
    }
    for (const [key] of below) this.entries.delete(key);
  }

  rename(dn: string, target: RenameTarget): void {
    const entry = this.#entry(dn);
    const superior = target.newSuperior ?? formatDn(parentDn(parseDn(dn)) ?? []);
    this.entries.delete(normalizeDn(dn));
    const newDn = `${target.newRdn},${superior}`;
    this.entries.set(normalizeDn(newDn), { ...entry, dn: newDn });
  }

  text(dn: string, type: string): string[] {
    return (this.#entry(dn).attributes.get(type.toLowerCase())?.values ?? []).map(fromUtf8);
  }

  #entry(dn: string): { dn: string; attributes: Map<string, LdapAttribute> } {
    const entry = this.entries.get(normalizeDn(parse(dn)));
    if (entry === undefined) throw noSuchObject(dn);
    return entry;
  }
}

function parse(dn: string): ReturnType<typeof parseDn> {
  try {
    return parseDn(dn);
  } catch (cause) {
    throw new LdapError({ resultCode: "invalidDNSyntax", cause });
  }
}

function noSuchObject(dn: string): LdapError {
  return new LdapError({
    resultCode: "noSuchObject",
    matchedDn: isWithin(dn, base) ? base : "",
    diagnosticMessage: `0000208D: NameErr: DSID-0310028D, problem 2001 (NO_OBJECT), data 0, best match of:\n\t'${base}'\n`,
  });
}
