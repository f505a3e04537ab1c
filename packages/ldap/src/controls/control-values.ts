import {
  boolean,
  defaulted,
  enumerated,
  type Infer,
  implicit,
  int32,
  integer,
  octetString,
  optional,
  type Schema,
  sequence,
  sequenceOf,
} from "@waybill/asn1";
import { ldapString } from "../messages/ldap-string.ts";

/** RFC 2696: realSearchControlValue ::= SEQUENCE { size INTEGER (0..maxInt), cookie OCTET STRING } */
export const PagedResultsValue = sequence("realSearchControlValue", {
  size: integer({ min: 0, max: 0x7fffffff }),
  cookie: octetString,
});
export type PagedResultsValue = Infer<typeof PagedResultsValue>;

/** RFC 2891: SortKeyList ::= SEQUENCE OF SEQUENCE { attributeType, orderingRule [0] OPTIONAL, reverseOrder [1] BOOLEAN DEFAULT FALSE } */
export const SortKeyList = sequenceOf(
  sequence("SortKey", {
    attributeType: ldapString,
    orderingRule: optional(implicit(0, ldapString)),
    reverseOrder: defaulted(implicit(1, boolean), false),
  }),
);
export type SortKey = Infer<typeof SortKeyList>[number];

/** RFC 2891: SortResult ::= SEQUENCE { sortResult ENUMERATED, attributeType [0] AttributeDescription OPTIONAL } */
export const SortResult = sequence("SortResult", {
  sortResult: enumerated,
  attributeType: optional(implicit(0, ldapString)),
});

/** MS-ADTS 3.1.1.3.4.1.11: SDFlagsRequestValue ::= SEQUENCE { Flags INTEGER } */
export const SdFlagsValue = sequence("SDFlagsRequestValue", { flags: int32 });

/** MS-ADTS 3.1.1.3.4.1.5: ExtendedDNRequestValue ::= SEQUENCE { Flag INTEGER }; the value may be missing, for 0. */
export const ExtendedDnValue = sequence("ExtendedDNRequestValue", { flag: int32 });

/** Decodes a control's value leniently, as BER. @throws Asn1Error */
export function decodeControlValue<T>(schema: Schema<T>, value: Uint8Array | undefined): T {
  return schema.decode(value ?? new Uint8Array(0), { rules: "ber", maxDepth: 200 });
}
