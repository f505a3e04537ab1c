import { fromUtf8, pooledUtf8 } from "@waybill/base";
import { type FilterSchema, type AttributeSyntax as FilterSyntax, LdapError } from "@waybill/ldap";
import { attributeSyntax, isBinary } from "../schema/attributes.ts";
import type { AttributeValue } from "../store/stored-object.ts";

/** A stored value as LDAP carries it. */
export function toLdapValue(value: AttributeValue): Uint8Array {
  return typeof value === "string" ? pooledUtf8(value) : value;
}

/** A value off the wire as it is stored. @throws LdapError invalidAttributeSyntax */
export function fromLdapValue(type: string, value: Uint8Array): AttributeValue {
  if (isBinary(type)) return new Uint8Array(value);
  const text = fromUtf8(value);
  const syntax = attributeSyntax(type);
  const fits =
    syntax === "integer"
      ? /^-?\d{1,10}$/.test(text)
      : syntax === "large-integer"
        ? /^-?\d{1,19}$/.test(text)
        : syntax === "boolean"
          ? text === "TRUE" || text === "FALSE"
          : text !== "" && !text.includes("\ufffd");
  if (fits) return text;
  throw new LdapError({
    resultCode: "invalidAttributeSyntax",
    diagnosticMessage: `0000200B: AtrErr: DSID-03152E5D, #1: ${type}: the value does not fit the attribute's syntax`,
  });
}

const filterSyntaxes: Readonly<Record<ReturnType<typeof attributeSyntax>, FilterSyntax>> = {
  text: "unicode",
  "case-sensitive": "caseExact",
  integer: "integer",
  "large-integer": "integer",
  boolean: "boolean",
  oid: "oid",
  time: "time",
  dn: "dn",
  "dn-binary": "unicode",
  octets: "octet",
  sid: "sid",
  "security-descriptor": "octet",
};

export function filterSyntaxOf(type: string): FilterSyntax {
  return filterSyntaxes[attributeSyntax(type)];
}

export const plainFilterSchema: FilterSchema = { syntaxOf: filterSyntaxOf };
