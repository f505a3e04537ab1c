import { fromUtf8, toHex, utf8 } from "@waybill/base";
import type { Filter } from "./filter.ts";

/** Writes a filter in the string form of RFC 4515. */
export function formatFilter(filter: Filter): string {
  return `(${inner(filter)})`;
}

function inner(filter: Filter): string {
  switch (filter.kind) {
    case "and":
      return `&${filter.value.map(formatFilter).join("")}`;
    case "or":
      return `|${filter.value.map(formatFilter).join("")}`;
    case "not":
      return `!${formatFilter(filter.value)}`;
    case "equalityMatch":
      return `${filter.value.attributeDesc}=${escapeFilterValue(filter.value.assertionValue)}`;
    case "approxMatch":
      return `${filter.value.attributeDesc}~=${escapeFilterValue(filter.value.assertionValue)}`;
    case "greaterOrEqual":
      return `${filter.value.attributeDesc}>=${escapeFilterValue(filter.value.assertionValue)}`;
    case "lessOrEqual":
      return `${filter.value.attributeDesc}<=${escapeFilterValue(filter.value.assertionValue)}`;
    case "present":
      return `${filter.value}=*`;
    case "substrings": {
      const { type, substrings } = filter.value;
      const parts = substrings.map(
        ({ kind, value }) => `${kind === "initial" ? "" : "*"}${escapeFilterValue(value)}`,
      );
      return `${type}=${parts.join("")}${substrings.at(-1)?.kind === "final" ? "" : "*"}`;
    }
    case "extensibleMatch": {
      const { type = "", matchingRule, matchValue, dnAttributes } = filter.value;
      const rule = matchingRule === undefined ? "" : `:${matchingRule}`;
      return `${type}${dnAttributes ? ":dn" : ""}${rule}:=${escapeFilterValue(matchValue)}`;
    }
  }
}

/** A value as it may stand in a filter: `* ( ) \ NUL` and octets that are not UTF-8 become `\xx`. */
export function escapeFilterValue(value: Uint8Array | string): string {
  const text = typeof value === "string" ? value : asText(value);
  if (text !== undefined) return text.replace(/[*()\\\0]/g, (char) => `\\${toHex(utf8(char))}`);
  return toHex(value as Uint8Array).replace(/../g, "\\$&");
}

function asText(value: Uint8Array): string | undefined {
  const text = fromUtf8(value);
  const again = utf8(text);
  // A byte order mark or broken UTF-8 would not come back as the same octets.
  return Buffer.compare(again, value) === 0 ? text : undefined;
}
