import type { Finding } from "../../findings/finding.ts";
import type { Outcome, Prediction, StartKind } from "../../prediction/story.ts";
import type { Proof } from "../../proof/proof.ts";
import type { ExposureSummary } from "../../repair/exposure.ts";

/** Person × source × destination; `PredictionMatrix` is one. */
export interface MatrixTable {
  readonly people: readonly { readonly samAccountName: string }[];
  readonly sources: readonly { readonly samAccountName: string }[];
  readonly destinations: readonly { readonly samAccountName: string }[];
  /** `undefined` where source and destination are one host. */
  outcome(person: number, source: number, destination: number): Outcome | undefined;
}

/** What a page shows: the `Report` of an examination, and what was asked for besides. */
export interface HtmlReport {
  /** DNS name of the domain. */
  readonly domain: string;
  /** Name of the KDC profile the predictions are for. */
  readonly profile: string;
  /** Server or file the directory was read from. */
  readonly readFrom?: string | undefined;
  /** When it was read. */
  readonly readAt: number;
  /** How many accounts were read. */
  readonly accounts: number;
  readonly hosts: readonly string[];
  readonly people: readonly string[];
  readonly findings: readonly Finding[];
  readonly matrix: MatrixTable;
  /** How the moves of the matrix start; "remote" unless told. */
  readonly start?: StartKind | undefined;
  /** Cells whose whole story is told. */
  readonly stories?: readonly Prediction[] | undefined;
  /** What real exchanges said to some of the stories. */
  readonly proofs?: readonly Proof[] | undefined;
  readonly exposure: ExposureSummary;
  /** The same after the plan, when there is one. */
  readonly exposureAfter?: ExposureSummary | undefined;
}
