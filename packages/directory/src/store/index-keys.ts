import { toHex } from "@waybill/base";
import { dnKey } from "../names/dn.ts";
import { attributeSyntax } from "../schema/attributes.ts";
import { decodeSid } from "../security/sid.ts";
import type { AttributeValue, StoredObject } from "./stored-object.ts";

/** Attributes a store can find objects by. */
export const indexedAttributes: ReadonlySet<string> = new Set([
  "samaccountname",
  "objectsid",
  "objectguid",
  "userprincipalname",
  "serviceprincipalname",
  "dnshostname",
  "cn",
  "name",
  "mail",
  "displayname",
  "msds-allowedtodelegateto",
  "msds-creatorsid",
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
  for (const attribute of indexedAttributes) {
    for (const value of object.attributes.get(attribute) ?? [])
      yield { attribute, key: indexKey(attribute, value) };
  }
}

/** Under which key a parent lists an object. */
export function childKey(object: StoredObject): string {
  return dnKey(object.rdn);
}
