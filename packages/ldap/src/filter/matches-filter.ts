import { fromUtf8 } from "@waybill/base";
import { parseDn } from "../dn.ts";
import { type EntryData, LdapEntry } from "../entry.ts";
import { MatchingRule } from "../registry/oids.ts";
import type { Filter, MatchingRuleAssertion } from "./filter.ts";
import { compareValues, equalValues, matchesSubstrings, readInteger, type Truth } from "./match-value.ts";
import type { AttributeSyntax, FilterSchema } from "./syntax.ts";

/** Whether the entry is selected: the filter is True, not False and not Undefined. */
export function matchesFilter(filter: Filter, entry: EntryData, schema: FilterSchema): boolean {
  return evaluateFilter(filter, entry, schema) === true;
}

/** Evaluates a filter with the three-valued logic of RFC 4511 section 4.5.1.7. */
export function evaluateFilter(filter: Filter, entry: EntryData, schema: FilterSchema): Truth {
  return evaluate(
    filter,
    entry instanceof LdapEntry ? entry : new LdapEntry(entry.dn, entry.attributes),
    schema,
  );
}

function evaluate(filter: Filter, entry: LdapEntry, schema: FilterSchema): Truth {
  switch (filter.kind) {
    case "and": {
      let result: Truth = true;
      for (const part of filter.value) {
        const truth = evaluate(part, entry, schema);
        if (truth === false) return false;
        if (truth === undefined) result = undefined;
      }
      return result;
    }
    case "or":
      return anyTrue(filter.value, (part) => evaluate(part, entry, schema));
    case "not": {
      const truth = evaluate(filter.value, entry, schema);
      return truth === undefined ? undefined : !truth;
    }
    case "present": {
      const name = baseName(filter.value);
      return schema.syntaxOf(name) === undefined ? undefined : entry.values(name).length > 0;
    }
    case "substrings": {
      const { type, substrings } = filter.value;
      return overValues(type, entry, schema, (value, syntax) => matchesSubstrings(value, substrings, syntax));
    }
    case "extensibleMatch":
      return extensible(filter.value, entry, schema);
    default: {
      const { attributeDesc, assertionValue } = filter.value;
      return overValues(attributeDesc, entry, schema, (value, syntax) => {
        if (filter.kind === "equalityMatch" || filter.kind === "approxMatch") {
          return equalValues(value, assertionValue, syntax);
        }
        const order = compareValues(value, assertionValue, syntax);
        if (order === undefined) return undefined;
        return filter.kind === "greaterOrEqual" ? order >= 0 : order <= 0;
      });
    }
  }
}

function anyTrue<T>(items: readonly T[], test: (item: T) => Truth): Truth {
  let result: Truth = false;
  for (const item of items) {
    const truth = test(item);
    if (truth === true) return true;
    if (truth === undefined) result = undefined;
  }
  return result;
}

function overValues(
  type: string,
  entry: LdapEntry,
  schema: FilterSchema,
  test: (value: Uint8Array, syntax: AttributeSyntax) => Truth,
): Truth {
  const name = baseName(type);
  const syntax = schema.syntaxOf(name);
  if (syntax === undefined) return undefined;
  return anyTrue(entry.values(name), (value) => test(value, syntax));
}

function extensible(assertion: MatchingRuleAssertion, entry: LdapEntry, schema: FilterSchema): Truth {
  const { matchingRule, type, matchValue, dnAttributes } = assertion;
  // AD knows no rule that works without naming an attribute.
  if (type === undefined) return undefined;
  const own = matchByRule(matchingRule, type, matchValue, entry, schema);
  if (own === true || !dnAttributes) return own;
  return anyTrue(dnValues(entry.dn, baseName(type)), (value) => {
    const syntax = schema.syntaxOf(baseName(type));
    return syntax === undefined ? undefined : equalValues(value, matchValue, syntax);
  });
}

function matchByRule(
  rule: string | undefined,
  type: string,
  matchValue: Uint8Array,
  entry: LdapEntry,
  schema: FilterSchema,
): Truth {
  if (rule === undefined)
    return overValues(type, entry, schema, (value, syntax) => equalValues(value, matchValue, syntax));
  if (rule === MatchingRule.bitAnd || rule === MatchingRule.bitOr) {
    const mask = readInteger(matchValue);
    if (mask === undefined) return undefined;
    return overValues(type, entry, schema, (value, syntax) => {
      const number = syntax === "integer" ? readInteger(value) : undefined;
      if (number === undefined) return undefined;
      return rule === MatchingRule.bitAnd ? (number & mask) === mask : (number & mask) !== 0n;
    });
  }
  if (rule === MatchingRule.transitive) {
    const name = baseName(type);
    if (schema.syntaxOf(name) !== "dn") return undefined;
    if (overValues(type, entry, schema, (value) => equalValues(value, matchValue, "dn")) === true)
      return true;
    return schema.reaches?.(entry.dn, name, fromUtf8(matchValue)) ?? false;
  }
  const fixed = standardRules.get(rule.toLowerCase());
  return fixed === undefined
    ? undefined
    : overValues(type, entry, schema, (value) => equalValues(value, matchValue, fixed));
}

/** Equality rules of RFC 4517 that a filter may name, by name and number, and the syntax that compares alike. */
const standardRules = new Map<string, AttributeSyntax>([
  ["caseignorematch", "unicode"],
  ["2.5.13.2", "unicode"],
  ["caseexactmatch", "caseExact"],
  ["2.5.13.5", "caseExact"],
  ["integermatch", "integer"],
  ["2.5.13.14", "integer"],
  ["octetstringmatch", "octet"],
  ["2.5.13.17", "octet"],
  ["distinguishednamematch", "dn"],
  ["2.5.13.1", "dn"],
  ["booleanmatch", "boolean"],
  ["2.5.13.13", "boolean"],
]);

function dnValues(dn: string, name: string): Uint8Array[] {
  try {
    return parseDn(dn)
      .flat()
      .filter((part) => part.type.toLowerCase() === name)
      .map((part) => Buffer.from(part.value, "utf8"));
  } catch {
    return [];
  }
}

/** Lower case and without options: how a FilterSchema is asked. */
function baseName(description: string): string {
  const end = description.indexOf(";");
  return (end < 0 ? description : description.slice(0, end)).toLowerCase();
}
