import { utf8 } from "@waybill/base";
import type { LdapAttribute } from "../entry.ts";
import type { ValueInput } from "./client-options.ts";

export function toBytes(value: ValueInput): Uint8Array {
  return typeof value === "string" ? utf8(value) : value;
}

export function toValues(values: ValueInput | readonly ValueInput[]): Uint8Array[] {
  return typeof values === "string" || values instanceof Uint8Array ? [toBytes(values)] : values.map(toBytes);
}

export function isAttributeList(value: object): value is readonly LdapAttribute[] {
  return Array.isArray(value);
}
