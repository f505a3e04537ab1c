import type { EntryKind, ExplainEntry } from "../entry.ts";

/** Code, what it means, why it may be met, what to do. */
export type KnowledgeRow = readonly [name: string, meaning: string, cause: string, remedy: string];

/** Rows of codes that stand for one fault each. */
export function entriesOf(kind: EntryKind, weight: number, rows: readonly KnowledgeRow[]): ExplainEntry[] {
  return rows.map(([name, meaning, cause, remedy]) => ({
    kind,
    name,
    meaning,
    causes: [{ cause }],
    remedy,
    docs: errorPage.own,
    weight,
  }));
}

/** Where the documentation treats an error. */
export const errorPage = {
  seed: "docs/errors.md#the-two-messages",
  authentication: "docs/errors.md#authentication-and-authorization",
  kdc: "docs/errors.md#what-the-kdc-says",
  platform: "docs/errors.md#connection-and-platform",
  events: "docs/errors.md#events-of-hyper-v",
  own: "docs/errors.md#waybills-own-codes",
} as const;
