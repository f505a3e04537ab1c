import { parseCimMoment } from "../schema/cim-datetime.ts";
import type { WqlExpression, WqlOperator, WqlSelect } from "./wql-query.ts";

/** The value a query demands a property to have, where it does so for every row: a hint for the source of the rows. */
export function equalityIn(select: WqlSelect | undefined, property: string): string | undefined {
  return demanded(select?.where, property, "=");
}

/** The earliest moment a query asks for. */
export function earliestIn(select: WqlSelect | undefined, property: string): number | undefined {
  const text = demanded(select?.where, property, ">=") ?? demanded(select?.where, property, ">");
  return text === undefined ? undefined : parseCimMoment(text);
}

/** The value a query demands a property not to have. */
export function differenceIn(select: WqlSelect | undefined, property: string): string | undefined {
  return demanded(select?.where, property, "<>");
}

function demanded(
  where: WqlExpression | undefined,
  property: string,
  operator: WqlOperator,
): string | undefined {
  if (where?.kind === "and") {
    return demanded(where.left, property, operator) ?? demanded(where.right, property, operator);
  }
  if (where?.kind !== "compare" || where.operator !== operator) return undefined;
  if (where.property.toLowerCase() !== property.toLowerCase() || where.value === null) return undefined;
  return String(where.value);
}
