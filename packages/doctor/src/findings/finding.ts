import type { DirectoryFact } from "@waybill/kdc";
import type { Remedy } from "../repair/remedy.ts";
import type { FindingId } from "./catalogue.ts";

export type Severity = "critical" | "error" | "warning" | "notice";

/** A fact with where it was read. */
export interface Evidence extends DirectoryFact {
  /** Server or file; absent for what does not come from a directory. */
  readonly readFrom?: string | undefined;
}

/** Something that is wrong or worth knowing, in words and as data. */
export interface Finding {
  readonly id: FindingId;
  readonly severity: Severity;
  /** One sentence that names the object and the attribute. */
  readonly cause: string;
  readonly evidence: readonly Evidence[];
  /** What it means for whom: "alice can move nothing from hv01 to hv02 when she starts it remotely". */
  readonly effect: string;
  /** Ways out, the least far-reaching first. Empty when only people can help. */
  readonly remedies: readonly Remedy[];
  /** Page of the documentation, below the documentation's root. */
  readonly docs: string;
}

const ranks: Readonly<Record<Severity, number>> = { critical: 0, error: 1, warning: 2, notice: 3 };

/** The gravest first; findings of one kind stay together. */
export function bySeverity(left: Finding, right: Finding): number {
  return (
    ranks[left.severity] - ranks[right.severity] || (left.id < right.id ? -1 : left.id > right.id ? 1 : 0)
  );
}

export function worstSeverity(findings: readonly Finding[]): Severity | undefined {
  return [...findings].sort(bySeverity)[0]?.severity;
}
