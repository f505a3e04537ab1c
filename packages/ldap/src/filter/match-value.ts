import { equalBytes, fromUtf8 } from "@waybill/base";
import { foldText, normalizeDn } from "../dn.ts";
import type { Substring } from "./filter.ts";
import type { AttributeSyntax } from "./syntax.ts";

/** The three values a filter can have, RFC 4511 section 4.5.1.7; `undefined` is the third. */
export type Truth = boolean | undefined;

/**
 * A value in the form in which equal values are equal strings; `undefined` when the octets are no value of the
 * syntax. Usable as the key of an index.
 */
export function normalizeValue(value: Uint8Array, syntax: AttributeSyntax): string | undefined {
  switch (syntax) {
    case "octet":
      return latin1(value);
    case "sid":
      return normalizeSid(value);
    case "caseExact":
      return fromUtf8(value);
    case "integer":
      return readInteger(value)?.toString();
    case "boolean": {
      const text = fromUtf8(value).toUpperCase();
      return text === "TRUE" || text === "FALSE" ? text : undefined;
    }
    case "dn":
      try {
        return normalizeDn(fromUtf8(value));
      } catch {
        return undefined;
      }
    default:
      return foldText(fromUtf8(value));
  }
}

export function equalValues(value: Uint8Array, assertion: Uint8Array, syntax: AttributeSyntax): Truth {
  if (syntax === "octet") return equalBytes(value, assertion);
  const asserted = normalizeValue(assertion, syntax);
  return asserted === undefined ? undefined : normalizeValue(value, syntax) === asserted;
}

/** Negative, zero or positive; `undefined` when the syntax has no order or a value does not fit it. */
export function compareValues(
  left: Uint8Array,
  right: Uint8Array,
  syntax: AttributeSyntax,
): number | undefined {
  if (syntax === "octet" || syntax === "sid") return Buffer.compare(left, right);
  if (syntax === "integer") {
    const a = readInteger(left);
    const b = readInteger(right);
    if (a === undefined || b === undefined) return undefined;
    return a < b ? -1 : a > b ? 1 : 0;
  }
  if (syntax === "boolean" || syntax === "dn") return undefined;
  const a = normalizeValue(left, syntax);
  const b = normalizeValue(right, syntax);
  if (a === undefined || b === undefined) return undefined;
  return a < b ? -1 : a > b ? 1 : 0;
}

export function matchesSubstrings(
  value: Uint8Array,
  parts: readonly Substring[],
  syntax: AttributeSyntax,
): Truth {
  // AD answers Undefined for substrings of names, numbers and truth values.
  if (syntax === "dn" || syntax === "boolean" || syntax === "integer") return undefined;
  const whole = comparableText(value, syntax);
  let at = 0;
  for (const { kind, value: octets } of parts) {
    const part = comparableText(octets, syntax);
    if (kind === "initial") {
      if (!whole.startsWith(part)) return false;
      at = part.length;
    } else if (kind === "any") {
      const found = whole.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    } else {
      return whole.length - part.length >= at && whole.endsWith(part);
    }
  }
  return true;
}

/** For parts of a value: spaces at the ends of a part count. */
function comparableText(value: Uint8Array, syntax: AttributeSyntax): string {
  if (syntax === "octet" || syntax === "sid") return latin1(value);
  const text = fromUtf8(value);
  return syntax === "caseExact" ? text : text.normalize("NFKC").toLowerCase();
}

/** Decimal digits of at most 64 bits. */
export function readInteger(value: Uint8Array): bigint | undefined {
  if (value.length === 0 || value.length > 20) return undefined;
  const text = latin1(value);
  return /^-?\d+$/.test(text) ? BigInt(text) : undefined;
}

function latin1(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("latin1");
}

/** A SID in AD's binary form, or written `S-1-…`, as its binary form. */
function normalizeSid(value: Uint8Array): string | undefined {
  const text = latin1(value);
  const match = /^S-1-(\d{1,15})((?:-\d{1,10}){0,15})$/i.exec(text);
  if (match === null) return text;
  const subAuthorities = (match[2] ?? "").split("-").slice(1).map(Number);
  const binary = Buffer.alloc(8 + 4 * subAuthorities.length);
  binary[0] = 1;
  binary[1] = subAuthorities.length;
  const authority = Number(match[1]);
  if (authority >= 2 ** 48 || subAuthorities.some((part) => part > 0xffffffff)) return undefined;
  binary.writeUIntBE(authority, 2, 6);
  subAuthorities.forEach((part, index) => {
    binary.writeUInt32LE(part, 8 + 4 * index);
  });
  return binary.toString("latin1");
}
