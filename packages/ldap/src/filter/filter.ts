/**
 * A search filter, RFC 4511 section 4.5.1.7, with the names of its ASN.1. `kind` is the alternative, `value`
 * what it carries. Assertion values are the octets that are compared, escapes of the text form undone.
 */
export type Filter =
  | { readonly kind: "and"; readonly value: readonly Filter[] }
  | { readonly kind: "or"; readonly value: readonly Filter[] }
  | { readonly kind: "not"; readonly value: Filter }
  | { readonly kind: "equalityMatch"; readonly value: AttributeValueAssertion }
  | { readonly kind: "substrings"; readonly value: SubstringFilter }
  | { readonly kind: "greaterOrEqual"; readonly value: AttributeValueAssertion }
  | { readonly kind: "lessOrEqual"; readonly value: AttributeValueAssertion }
  | { readonly kind: "present"; readonly value: string }
  | { readonly kind: "approxMatch"; readonly value: AttributeValueAssertion }
  | { readonly kind: "extensibleMatch"; readonly value: MatchingRuleAssertion };

export interface AttributeValueAssertion {
  readonly attributeDesc: string;
  readonly assertionValue: Uint8Array;
}

export interface SubstringFilter {
  readonly type: string;
  /** At least one; `initial` only first, `final` only last. */
  readonly substrings: readonly Substring[];
}

export interface Substring {
  readonly kind: "initial" | "any" | "final";
  readonly value: Uint8Array;
}

export interface MatchingRuleAssertion {
  readonly matchingRule?: string | undefined;
  readonly type?: string | undefined;
  readonly matchValue: Uint8Array;
  readonly dnAttributes: boolean;
}
