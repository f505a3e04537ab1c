import type { WmiReference } from "../schema/wmi-reference.ts";

export type WqlValue = string | number | boolean | null;
export type WqlOperator = "=" | "<>" | "<" | ">" | "<=" | ">=" | "like";

export type WqlExpression =
  | { readonly kind: "and" | "or"; readonly left: WqlExpression; readonly right: WqlExpression }
  | { readonly kind: "not"; readonly operand: WqlExpression }
  | { readonly kind: "null"; readonly property: string; readonly negated: boolean }
  | {
      readonly kind: "compare";
      readonly property: string;
      readonly operator: WqlOperator;
      readonly value: WqlValue;
    };

export interface WqlSelect {
  readonly kind: "select";
  /** Absent for `select *`. */
  readonly properties?: readonly string[] | undefined;
  readonly className: string;
  readonly where?: WqlExpression | undefined;
}

/** `ASSOCIATORS OF {object} WHERE …` and `REFERENCES OF {object} WHERE …`. */
export interface WqlTraversal {
  readonly kind: "associators" | "references";
  readonly object: WmiReference;
  readonly resultClass?: string | undefined;
  readonly associationClass?: string | undefined;
  /** The property of the association that points at the object. */
  readonly role?: string | undefined;
  readonly resultRole?: string | undefined;
}

export type WqlQuery = WqlSelect | WqlTraversal;
