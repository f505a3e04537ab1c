import type { Finding } from "../../findings/finding.ts";
import type { Outcome, Prediction, StartKind } from "../../prediction/story.ts";
import type { ExposureSummary } from "../../repair/exposure.ts";

/** Person × source × destination; `PredictionMatrix` is one. */
export interface MatrixTable {
  readonly people: readonly { readonly samAccountName: string }[];
  readonly sources: readonly { readonly samAccountName: string }[];
  readonly destinations: readonly { readonly samAccountName: string }[];
  /** `undefined` where source and destination are one host. */
  outcome(person: number, source: number, destination: number): Outcome | undefined;
}

export interface ReportMatrix {
  readonly start: StartKind;
  readonly table: MatrixTable;
}

/** Everything a report shows. Parts that were not asked for are left out, and the report then says nothing of them. */
export interface Report {
  readonly title?: string | undefined;
  /** DNS name of the domain. */
  readonly domain: string;
  /** Server or file the directory was read from. */
  readonly readFrom: string;
  /** When it was read, in epoch milliseconds. */
  readonly readAt: number;
  /** Name of the KDC profile the predictions are for. */
  readonly profile?: string | undefined;
  /** Counts of what was read: "accounts", "hosts", "delegation entries". */
  readonly counts?: Readonly<Record<string, number>> | undefined;
  readonly findings: readonly Finding[];
  readonly matrices?: readonly ReportMatrix[] | undefined;
  /** Cells whose whole story is told. */
  readonly stories?: readonly Prediction[] | undefined;
  readonly exposure?:
    | { readonly before: ExposureSummary; readonly after?: ExposureSummary | undefined }
    | undefined;
  /** What could not be read and therefore is not judged. */
  readonly unread?: readonly string[] | undefined;
}
