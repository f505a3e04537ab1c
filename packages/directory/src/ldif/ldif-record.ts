import type { AttributeChange, EntryData } from "@waybill/ldap";

/** One record of RFC 2849: an entry, or a change. `damaged`: part of it could not be read, which was reported. */
export type LdifRecord = { readonly damaged?: true } & (
  | ({ readonly kind: "entry"; readonly line: number } & EntryData)
  | ({ readonly kind: "add"; readonly line: number } & EntryData)
  | { readonly kind: "delete"; readonly line: number; readonly dn: string }
  | {
      readonly kind: "modify";
      readonly line: number;
      readonly dn: string;
      readonly changes: readonly AttributeChange[];
    }
  | {
      readonly kind: "rename";
      readonly line: number;
      readonly dn: string;
      readonly newRdn: string;
      readonly deleteOldRdn: boolean;
      readonly newSuperior?: string | undefined;
    }
);

/** Something in a file that could not be used as it stands. Reading goes on. */
export interface LdifProblem {
  /** Line number, from 1. */
  readonly line: number;
  readonly text: string;
}
