import type { Report } from "../../findings/examine.ts";
import type { Finding } from "../../findings/finding.ts";
import type { Prediction } from "../../prediction/story.ts";
import type { Proof, ProofStep, RealAnswer } from "../../proof/proof.ts";
import type { AttributeDiff } from "../../repair/attribute-diff.ts";
import type { ExposureSummary } from "../../repair/exposure.ts";
import type { Plan } from "../../repair/plan.ts";
import type { Remedy, WrittenChanges } from "../../repair/remedy.ts";
import { bytesToBase64 } from "./base64.ts";

/** Version of the documents below; it grows when a field changes its meaning or goes. */
export const reportSchema = "waybill.doctor/1";

/** Cells beyond this are left out of a document; `counts` always has all. */
const mostCells = 20_000;

/** `waybill doctor --json`. */
export interface ReportJson {
  readonly schema: typeof reportSchema;
  readonly domain: string;
  /** Name of the KDC profile. */
  readonly profile: string;
  readonly readFrom?: string | undefined;
  readonly accounts: number;
  readonly hosts: readonly string[];
  readonly people: readonly string[];
  readonly findings: readonly FindingJson[];
  readonly matrix: {
    readonly counts: Readonly<Record<Prediction["outcome"], number>>;
    /** Only while there are few. */
    readonly cells?: readonly {
      readonly person: string;
      readonly source: string;
      readonly destination: string;
      readonly outcome: Prediction["outcome"];
    }[];
  };
  readonly exposure: ExposureSummary;
}

export interface FindingJson extends Omit<Finding, "remedies"> {
  readonly remedies: readonly RemedyJson[];
}

export interface RemedyJson extends Omit<Remedy, "diffs"> {
  readonly diffs: readonly DiffJson[];
}

export interface DiffJson extends Omit<AttributeDiff, "before" | "after"> {
  /** Text, or `{base64}` for octets. */
  readonly before: readonly (string | { readonly base64: string })[];
  readonly after: readonly (string | { readonly base64: string })[];
}

export function reportJson(report: Report): ReportJson {
  const { matrix, readFrom } = report;
  const cells: { person: string; source: string; destination: string; outcome: Prediction["outcome"] }[] = [];
  const few = matrix.people.length * matrix.sources.length * matrix.destinations.length <= mostCells;
  if (few) {
    matrix.forEach((person, source, destination) => {
      const outcome = matrix.outcome(person, source, destination);
      if (outcome === undefined) return;
      cells.push({
        person: matrix.people[person]?.samAccountName ?? "",
        source: matrix.sources[source]?.samAccountName ?? "",
        destination: matrix.destinations[destination]?.samAccountName ?? "",
        outcome,
      });
    });
  }
  return {
    schema: reportSchema,
    domain: report.domain,
    profile: report.profile,
    ...(readFrom === undefined ? {} : { readFrom }),
    accounts: report.accounts,
    hosts: report.hosts,
    people: report.people,
    findings: report.findings.map(findingJson),
    matrix: { counts: matrix.count(), ...(few ? { cells } : {}) },
    exposure: report.exposure,
  };
}

export function findingJson(finding: Finding): FindingJson {
  return { ...finding, remedies: finding.remedies.map(remedyJson) };
}

export function remedyJson(remedy: Remedy): RemedyJson {
  return { ...remedy, diffs: remedy.diffs.map(diffJson) };
}

export function diffJson(diff: AttributeDiff): DiffJson {
  const values = (list: AttributeDiff["before"]): DiffJson["before"] =>
    list.map((value) => (typeof value === "string" ? value : { base64: bytesToBase64(value) }));
  return { ...diff, before: values(diff.before), after: values(diff.after) };
}

/** A plan, as `--fix --json` and `delegation … --json` give it; `commands` are for somebody who has the right. */
export function planJson(plan: Plan, commands: WrittenChanges): Record<string, unknown> {
  return { schema: reportSchema, ...plan, diffs: plan.diffs.map(diffJson), commands };
}

/** `--prove`: each exchange as predicted and as it was answered. */
export interface ProofJson {
  readonly person: string;
  readonly source: string;
  readonly destination: string;
  readonly evidence: Prediction["evidence"];
  readonly verdict: Proof["verdict"];
  readonly steps: readonly {
    readonly kind: ProofStep["predicted"]["kind"];
    readonly by: string;
    readonly client: string;
    readonly service: string;
    readonly verdict: ProofStep["verdict"];
    readonly predicted: RealAnswer;
    readonly real?: RealAnswer | undefined;
    readonly note?: string | undefined;
  }[];
}

export function proofJson({ prediction, steps, verdict }: Proof): ProofJson {
  const { person, source, destination, evidence } = prediction;
  return {
    person,
    source,
    destination,
    evidence,
    verdict,
    steps: steps.map(({ predicted, verdict: own, real, note }) => {
      const { kind, by, client, service, decision, flags, errorCode, ntStatus } = predicted;
      return {
        kind,
        by,
        client,
        service,
        verdict: own,
        predicted: { decision, flags, errorCode, ntStatus },
        real,
        note,
      };
    }),
  };
}
