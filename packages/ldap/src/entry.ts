import { fromUtf8 } from "@waybill/base";

/** An attribute and its values: octets, because LDAP knows no other type. */
export interface LdapAttribute {
  /** The attribute description, with options if any: `cn`, `member;range=0-1499`. */
  readonly type: string;
  readonly values: readonly Uint8Array[];
}

/** An entry as plain data, the form in which a server's backend hands it over. */
export interface EntryData {
  readonly dn: string;
  readonly attributes: readonly LdapAttribute[];
}

/** An entry with attributes looked up by name, whatever the case of its letters. */
export class LdapEntry implements EntryData {
  readonly dn: string;
  readonly attributes: readonly LdapAttribute[];
  /** Made when an attribute is first looked up: whoever reads a whole directory goes through the list. */
  #byName: ReadonlyMap<string, readonly Uint8Array[]> | undefined;

  constructor(dn: string, attributes: readonly LdapAttribute[]) {
    this.dn = dn;
    this.attributes = attributes;
  }

  has(name: string): boolean {
    return this.#names().has(name.toLowerCase());
  }

  /** All values, as octets; empty when the attribute is absent. */
  values(name: string): readonly Uint8Array[] {
    return this.#names().get(name.toLowerCase()) ?? [];
  }

  /** The first value, as octets. */
  value(name: string): Uint8Array | undefined {
    return this.values(name)[0];
  }

  /** The first value, read as UTF-8. */
  text(name: string): string | undefined {
    const value = this.value(name);
    return value === undefined ? undefined : fromUtf8(value);
  }

  /** All values, read as UTF-8. */
  texts(name: string): string[] {
    return this.values(name).map(fromUtf8);
  }

  #names(): ReadonlyMap<string, readonly Uint8Array[]> {
    if (this.#byName !== undefined) return this.#byName;
    const byName = new Map<string, readonly Uint8Array[]>();
    for (const { type, values } of this.attributes) {
      const name = type.toLowerCase();
      const before = byName.get(name);
      byName.set(name, before === undefined ? values : [...before, ...values]);
    }
    this.#byName = byName;
    return byName;
  }
}
