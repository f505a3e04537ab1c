import type { FindingId } from "../findings/catalogue.ts";

/** What kind of thing a person may have met. */
export type EntryKind =
  | "hresult"
  | "ntstatus"
  | "kerberos"
  | "event"
  | "wmi"
  | "job-state"
  | "winrm"
  | "message"
  | "waybill"
  | "finding";

/** A reason something may be met, the likeliest of an entry first. */
export interface ExplainedCause {
  readonly cause: string;
  /** The doctor's findings that tell whether this is the reason; absent where no directory shows it. */
  readonly checks?: readonly FindingId[];
}

/** One code, event or message: what it means and what to do. */
export interface ExplainEntry {
  readonly kind: EntryKind;
  /** Symbolic name, stable code, or a short title for a message: `SEC_E_NO_CREDENTIALS`. */
  readonly name: string;
  /** The number, unsigned, where it has one. */
  readonly value?: number;
  /** Where an event is logged. */
  readonly log?: string;
  /** One sentence. */
  readonly meaning: string;
  readonly causes: readonly ExplainedCause[];
  readonly remedy: string;
  /** Page of the documentation, below the documentation's root. */
  readonly docs: string;
  /**
   * Texts by which the entry is known, in lower case; each is a list of fragments that occur in this order,
   * with anything between them.
   */
  readonly texts?: readonly (readonly string[])[];
  /** How much an entry says about what went wrong; 0: an umbrella over many faults, 9: one cause only. */
  readonly weight: number;
}
