import {
  boolean,
  choice,
  context,
  defaulted,
  implicit,
  octetString,
  optional,
  type Reader,
  Schema,
  sequence,
  sequenceOf,
  setOf,
  type Writer,
} from "@waybill/asn1";
import type { Filter } from "../filter/filter.ts";
import { ldapString } from "./ldap-string.ts";

/** A filter inside a filter: the schema is looked up when it is used, because it contains itself. */
class NestedFilter extends Schema<Filter> {
  readonly name = "Filter";

  override accepts(tag: number): boolean {
    return filterSchema.accepts(tag);
  }

  override read(reader: Reader): Filter {
    return filterSchema.read(reader);
  }

  override write(writer: Writer, value: Filter): void {
    filterSchema.write(writer, value);
  }
}

const nested = new NestedFilter();

const assertion = sequence("AttributeValueAssertion", {
  attributeDesc: ldapString,
  assertionValue: octetString,
});

const substringFilter = sequence("SubstringFilter", {
  type: ldapString,
  substrings: sequenceOf(
    choice("substring", {
      initial: implicit(0, octetString),
      any: implicit(1, octetString),
      final: implicit(2, octetString),
    }),
  ),
});

const matchingRuleAssertion = sequence("MatchingRuleAssertion", {
  matchingRule: optional(implicit(1, ldapString)),
  type: optional(implicit(2, ldapString)),
  matchValue: implicit(3, octetString),
  dnAttributes: defaulted(implicit(4, boolean), false),
});

/**
 * Filter ::= CHOICE {
 *   and [0] SET SIZE (1..MAX) OF filter Filter, or [1] SET SIZE (1..MAX) OF filter Filter, not [2] Filter,
 *   equalityMatch [3] AttributeValueAssertion, substrings [4] SubstringFilter,
 *   greaterOrEqual [5] AttributeValueAssertion, lessOrEqual [6] AttributeValueAssertion,
 *   present [7] AttributeDescription, approxMatch [8] AttributeValueAssertion,
 *   extensibleMatch [9] MatchingRuleAssertion, ... }
 *
 * RFC 4511 section 4.5.1.7. An empty `and` is true and an empty `or` is false (RFC 4526).
 */
export const filterSchema: Schema<Filter> = choice("Filter", {
  and: implicit(0, setOf(nested)),
  or: implicit(1, setOf(nested)),
  not: context(2, nested),
  equalityMatch: implicit(3, assertion),
  substrings: implicit(4, substringFilter),
  greaterOrEqual: implicit(5, assertion),
  lessOrEqual: implicit(6, assertion),
  present: implicit(7, ldapString),
  approxMatch: implicit(8, assertion),
  extensibleMatch: implicit(9, matchingRuleAssertion),
}) as unknown as Schema<Filter>;
