import { parseEncTypeList } from "../crypto/enctype-names.ts";
import { defaultEncTypes } from "../crypto/enctypes.ts";
import { KerberosError } from "../errors.ts";
import { type ConfNode, newRoot, type ParseKrb5ConfOptions, parseInto } from "./krb5-conf-parse.ts";
import { parseConfBoolean, parseConfDuration } from "./krb5-conf-values.ts";

/**
 * What krb5.conf says. A path names a relation: `["libdefaults", "default_realm"]`, `["realms", "LAB.TEST", "kdc"]`.
 * Where a relation has one value the first one written counts.
 */
export class Krb5Conf {
  readonly #root: ConfNode;

  constructor(root: ConfNode = newRoot()) {
    this.#root = root;
  }

  /** All values of a relation, in order. */
  values(...path: readonly string[]): readonly string[] {
    return this.#nodes(path).flatMap((node) => (node.value === undefined ? [] : [node.value]));
  }

  value(...path: readonly string[]): string | undefined {
    return this.values(...path)[0];
  }

  /** The names of the relations and sub-sections of a section, each once. */
  names(...path: readonly string[]): readonly string[] {
    return [...new Set(this.#nodes(path).flatMap((node) => node.children.map((child) => child.name)))];
  }

  /** @throws KerberosError BAD_CONF_VALUE */
  boolean(...path: readonly string[]): boolean | undefined {
    return this.#typed(path, parseConfBoolean, "yes or no");
  }

  /** In milliseconds. @throws KerberosError BAD_CONF_VALUE */
  duration(...path: readonly string[]): number | undefined {
    return this.#typed(path, parseConfDuration, "a duration such as 10h or 600");
  }

  /** @throws KerberosError BAD_CONF_VALUE */
  integer(...path: readonly string[]): number | undefined {
    const parse = (text: string): number | undefined =>
      /^-?\d{1,15}$/.test(text) ? Number(text) : undefined;
    return this.#typed(path, parse, "a whole number");
  }

  /** Encryption types in order of preference; words we do not know are left out. */
  encTypes(...path: readonly string[]): readonly number[] | undefined {
    const text = this.value(...path);
    return text === undefined ? undefined : parseEncTypeList(text, defaultEncTypes).etypes;
  }

  get defaultRealm(): string | undefined {
    return this.value("libdefaults", "default_realm");
  }

  /** `host[:port]` of a realm's KDCs (`kdc`), password servers (`kpasswd_server`, `admin_server`), as written. */
  servers(realm: string, kind: "kdc" | "kpasswd_server" | "admin_server" | "primary_kdc"): readonly string[] {
    return this.values("realms", realm, kind);
  }

  /** The realm [domain_realm] gives a host: by its full name, else by the nearest domain, with or without the dot. */
  realmOfHost(host: string): string | undefined {
    let name = host.toLowerCase().replace(/\.$/, "");
    while (name !== "") {
      const realm = this.value("domain_realm", name);
      if (realm !== undefined) return realm;
      const dot = name.indexOf(".", 1);
      name = name.startsWith(".") ? name.slice(1) : dot < 0 ? "" : name.slice(dot);
    }
    return undefined;
  }

  /** The realms between two by [capaths]: none for a direct path, `undefined` when it says nothing about the pair. */
  transitPath(client: string, server: string): readonly string[] | undefined {
    const realms = this.values("capaths", client, server).flatMap((value) => value.split(/\s+/));
    return realms.length === 0 ? undefined : realms.filter((realm) => realm !== ".");
  }

  /** What [libdefaults] sets, with the defaults of MIT krb5 where it has any. */
  get libdefaults(): LibDefaults {
    const boolean = (name: string, byDefault: boolean): boolean =>
      this.boolean("libdefaults", name) ?? byDefault;
    const permitted = this.encTypes("libdefaults", "permitted_enctypes") ?? defaultEncTypes;
    return {
      defaultRealm: this.defaultRealm,
      dnsLookupKdc: boolean("dns_lookup_kdc", true),
      dnsLookupRealm: boolean("dns_lookup_realm", false),
      forwardable: boolean("forwardable", false),
      proxiable: boolean("proxiable", false),
      canonicalize: boolean("canonicalize", false),
      rdns: boolean("rdns", true),
      clockSkew: this.duration("libdefaults", "clockskew") ?? 300_000,
      ticketLifetime: this.duration("libdefaults", "ticket_lifetime") ?? 86_400_000,
      renewLifetime: this.duration("libdefaults", "renew_lifetime"),
      udpPreferenceLimit: this.integer("libdefaults", "udp_preference_limit") ?? 1465,
      permittedEncTypes: permitted,
      ticketEncTypes: this.encTypes("libdefaults", "default_tkt_enctypes") ?? permitted,
      tgsEncTypes: this.encTypes("libdefaults", "default_tgs_enctypes") ?? permitted,
      defaultCacheName: this.value("libdefaults", "default_ccache_name"),
      defaultKeytabName: this.value("libdefaults", "default_keytab_name"),
      kcmSocket: this.value("libdefaults", "kcm_socket"),
    };
  }

  #nodes(path: readonly string[]): readonly ConfNode[] {
    let nodes: readonly ConfNode[] = [this.#root];
    for (const name of path)
      nodes = nodes.flatMap((node) => node.children.filter((child) => child.name === name));
    return nodes;
  }

  #typed<T>(path: readonly string[], parse: (text: string) => T | undefined, wanted: string): T | undefined {
    const text = this.value(...path);
    if (text === undefined) return undefined;
    const value = parse(text);
    if (value === undefined) {
      throw new KerberosError(`krb5.conf: ${path.join(" / ")} is "${text}", not ${wanted}`, {
        code: "BAD_CONF_VALUE",
        family: "environment",
        facts: { relation: path.join("/"), value: text },
      });
    }
    return value;
  }
}

/** Settings of [libdefaults]. Times in milliseconds. */
export interface LibDefaults {
  readonly defaultRealm: string | undefined;
  readonly dnsLookupKdc: boolean;
  readonly dnsLookupRealm: boolean;
  readonly forwardable: boolean;
  readonly proxiable: boolean;
  readonly canonicalize: boolean;
  readonly rdns: boolean;
  readonly clockSkew: number;
  readonly ticketLifetime: number;
  readonly renewLifetime: number | undefined;
  /** Requests larger than this go over TCP at once. Octets. */
  readonly udpPreferenceLimit: number;
  readonly permittedEncTypes: readonly number[];
  readonly ticketEncTypes: readonly number[];
  readonly tgsEncTypes: readonly number[];
  /** As written, `%{…}` and all: see `expandTokens`. */
  readonly defaultCacheName: string | undefined;
  readonly defaultKeytabName: string | undefined;
  readonly kcmSocket: string | undefined;
}

/**
 * Reads the text of a krb5.conf; see the grammar in `krb5-conf-parse.ts`.
 *
 * @throws KerberosError MALFORMED_KRB5_CONF with `facts.line`, `facts.offset` and `facts.reason`
 */
export function parseKrb5Conf(text: string, options: ParseKrb5ConfOptions = {}): Krb5Conf {
  const root = newRoot();
  parseInto(root, text, options);
  return new Krb5Conf(root);
}
