/**
 * How values of an attribute compare. The names are those of AD's attribute syntaxes (MS-ADTS 3.1.1.2.2.2),
 * reduced to what matching needs.
 *
 * - `unicode`: caseIgnoreMatch. AD compares most text this way, and so do names unknown to the schema.
 * - `caseExact`: text compared as it stands.
 * - `octet`: bytes, as for objectGUID and unicodePwd.
 * - `sid`: bytes, but an assertion may be written `S-1-5-…`.
 * - `integer`: a decimal number of up to 64 bits, also large integers and enumerations; bit rules apply.
 * - `boolean`: `TRUE` or `FALSE`.
 * - `dn`: a distinguished name; `.1941` follows it through the directory.
 * - `time`: generalized time; text that sorts by time when its zone is Z.
 * - `oid`: an object class or attribute type, by name or number.
 */
export type AttributeSyntax =
  | "unicode"
  | "caseExact"
  | "octet"
  | "sid"
  | "integer"
  | "boolean"
  | "dn"
  | "time"
  | "oid";

/** What the evaluation of a filter asks the directory. Names come in lower case and without options. */
export interface FilterSchema {
  /** `undefined`: no such attribute, so that every test on it is Undefined (RFC 4511 section 4.5.1.7). */
  syntaxOf(attributeType: string): AttributeSyntax | undefined;
  /**
   * 1.2.840.113556.1.4.1941: whether `targetDn` is reached from the entry `dn` by following the DN-valued
   * attribute any number of times. Without it, the rule looks at the entry's own values only.
   */
  reaches?(dn: string, attributeType: string, targetDn: string): boolean;
}
