import type { EpochMs } from "@waybill/base";

/** Text for attributes of text syntaxes, octets for binary ones; see `schema/attributes.ts`. */
export type AttributeValue = string | Uint8Array;

/** An object as it lies in a store: the directory's own form, from which accounts and LDAP entries are made. */
export interface StoredObject {
  readonly id: number;
  /** 0: the head of a naming context. */
  readonly parentId: number;
  /** Relative name, unescaped; for the head of a naming context the whole DN. */
  readonly rdn: string;
  /** Values by attribute name in lower case. Links (`member`) and computed attributes are not among them. */
  readonly attributes: ReadonlyMap<string, readonly AttributeValue[]>;
  /** Kept apart from attributes, so that no search can ever reach them. The current generation first. */
  readonly keySets?: readonly StoredKeySet[] | undefined;
}

export interface StoredKeySet {
  readonly kvno: number;
  readonly setAt: EpochMs;
  readonly keys: readonly StoredKey[];
}

export interface StoredKey {
  readonly keytype: number;
  readonly keyvalue: Uint8Array;
  readonly salt?: string | undefined;
}

export function firstText(object: StoredObject, name: string): string | undefined {
  const value = object.attributes.get(name)?.[0];
  return typeof value === "string" ? value : undefined;
}

export function texts(object: StoredObject, name: string): string[] {
  const values = object.attributes.get(name);
  return values === undefined ? [] : values.filter((value): value is string => typeof value === "string");
}

export function firstBytes(object: StoredObject, name: string): Uint8Array | undefined {
  const value = object.attributes.get(name)?.[0];
  return typeof value === "string" ? undefined : value;
}

/** An integer attribute; 32-bit values come signed in AD (groupType), and stay so. */
export function firstInteger(object: StoredObject, name: string): number | undefined {
  const text = firstText(object, name);
  return text !== undefined && /^-?\d{1,16}$/.test(text) ? Number(text) : undefined;
}
