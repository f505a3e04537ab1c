import type { WqlExpression, WqlOperator, WqlValue } from "./wql-query.ts";

/** The values of an instance by property name; the function finds names without case. Undefined is NULL. */
export type PropertyLookup = (property: string) => PropertyValue;
export type PropertyValue = string | number | boolean | undefined;

/** Whether an instance meets a WHERE clause. Comparing with NULL is never true, as in WMI, but `= NULL` asks for it. */
export function evaluateWql(expression: WqlExpression, lookup: PropertyLookup): boolean {
  switch (expression.kind) {
    case "and":
      return evaluateWql(expression.left, lookup) && evaluateWql(expression.right, lookup);
    case "or":
      return evaluateWql(expression.left, lookup) || evaluateWql(expression.right, lookup);
    case "not":
      return !evaluateWql(expression.operand, lookup);
    case "null":
      return (lookup(expression.property) === undefined) !== expression.negated;
    case "compare":
      return compare(lookup(expression.property), expression.operator, expression.value);
  }
}

function compare(value: PropertyValue, operator: WqlOperator, wanted: WqlValue): boolean {
  if (wanted === null)
    return operator === "=" ? value === undefined : operator === "<>" && value !== undefined;
  if (value === undefined) return false;
  if (operator === "like") return like(String(value), String(wanted));
  const order = orderOf(value, wanted);
  if (order === undefined) return false;
  switch (operator) {
    case "=":
      return order === 0;
    case "<>":
      return order !== 0;
    case "<":
      return order < 0;
    case ">":
      return order > 0;
    case "<=":
      return order <= 0;
    case ">=":
      return order >= 0;
  }
}

/** Numbers compare as numbers even when quoted; text without case. Undefined when the two do not compare. */
function orderOf(value: string | number | boolean, wanted: string | number | boolean): number | undefined {
  if (typeof value === "boolean") {
    const flag = typeof wanted === "string" ? wanted.toLowerCase() === "true" : Boolean(wanted);
    return Number(value) - Number(flag);
  }
  if (typeof value === "number") {
    const number = typeof wanted === "string" && wanted.trim() === "" ? Number.NaN : Number(wanted);
    return Number.isNaN(number) ? undefined : value - number;
  }
  const left = value.toLowerCase();
  const right = String(wanted).toLowerCase();
  return left < right ? -1 : left > right ? 1 : 0;
}

/** `%` any text, `_` one character, `[a-f]` and `[^a]` sets. Runs in linear memory and without backtracking blow-up. */
function like(text: string, pattern: string): boolean {
  const parts = likeParts(pattern.toLowerCase());
  let reachable = new Set([0]);
  const subject = text.toLowerCase();
  const spread = (states: Set<number>): Set<number> => {
    for (const state of states) if (parts[state] === "%") states.add(state + 1);
    return states;
  };
  reachable = spread(reachable);
  for (const character of subject) {
    const next = new Set<number>();
    for (const state of reachable) {
      const part = parts[state];
      if (part === undefined) continue;
      if (part === "%") next.add(state);
      else if (part(character)) next.add(state + 1);
    }
    reachable = spread(next);
  }
  return reachable.has(parts.length);
}

type LikePart = "%" | ((character: string) => boolean);

function likeParts(pattern: string): readonly LikePart[] {
  const parts: LikePart[] = [];
  const characters = Array.from(pattern);
  for (let i = 0; i < characters.length; i += 1) {
    const character = characters[i] ?? "";
    const close = character === "[" ? characters.indexOf("]", i + 1) : -1;
    if (character === "%") parts.push("%");
    else if (character === "_") parts.push(() => true);
    else if (close > i) {
      parts.push(setOf(characters.slice(i + 1, close)));
      i = close;
    } else parts.push((other) => other === character);
  }
  return parts;
}

function setOf(characters: readonly string[]): (character: string) => boolean {
  const negated = characters[0] === "^";
  const members = negated ? characters.slice(1) : characters;
  return (character) => {
    let found = false;
    for (let i = 0; i < members.length; i += 1) {
      const from = members[i] ?? "";
      const isRange = members[i + 1] === "-" && i + 2 < members.length;
      const to = isRange ? (members[i + 2] ?? "") : from;
      if (character >= from && character <= to) found = true;
      if (isRange) i += 2;
    }
    return found !== negated;
  };
}
