import { toHex } from "@waybill/base";
import { dnKey } from "../names/dn.ts";
import { attributeSyntax } from "../schema/attributes.ts";
import { decodeSid } from "../security/sid.ts";
import type { AttributeValue, StoredObject } from "./stored-object.ts";

/** Attributes a store can find objects by, each with the letter that stands for it in stored keys: never change one. */
export const indexedAttributes: ReadonlyMap<string, string> = new Map([
  ["samaccountname", "a"],
  ["objectsid", "s"],
  ["objectguid", "g"],
  ["userprincipalname", "u"],
  ["serviceprincipalname", "p"],
  ["dnshostname", "h"],
  ["name", "n"],
  ["mail", "m"],
  ["displayname", "d"],
  ["msds-allowedtodelegateto", "t"],
  ["msds-creatorsid", "c"],
]);

/** The form in which equal values are equal strings. */
export function indexKey(attribute: string, value: AttributeValue): string {
  if (typeof value === "string") return value.toLowerCase();
  if (attributeSyntax(attribute) === "sid") {
    try {
      return decodeSid(value);
    } catch {
      return toHex(value);
    }
  }
  return toHex(value);
}

/** All index entries of an object. */
export function* indexEntries(object: StoredObject): Iterable<{ attribute: string; key: string }> {
  for (const attribute of indexedAttributes.keys()) {
    for (const value of object.attributes.get(attribute) ?? [])
      yield { attribute, key: indexKey(attribute, value) };
  }
}

/** Under which key a parent lists an object. */
export function childKey(object: StoredObject): string {
  return dnKey(object.rdn);
}
