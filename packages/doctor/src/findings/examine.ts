import { PredictionMatrix } from "../prediction/matrix.ts";
import type { StartKind } from "../prediction/story.ts";
import type { ExposureSummary } from "../repair/exposure.ts";
import { checkDomain, checkHosts, checkPeople } from "./checks/accounts.ts";
import { checkRights } from "./checks/change-rights.ts";
import { checkEntries } from "./checks/entries.ts";
import { checkPairs } from "./checks/pairs.ts";
import { checkResourceGrants } from "./checks/resource.ts";
import { checkServiceNames } from "./checks/service-names.ts";
import { checkReach, checkSource } from "./checks/source.ts";
import { checkTransition } from "./checks/transition.ts";
import { type Examination, type ExamineRequest, examinationOf } from "./examination.ts";
import { bySeverity, type Finding } from "./finding.ts";

/** Everything the doctor has to say about a directory. */
export interface Report {
  readonly domain: string;
  readonly profile: string;
  readonly readFrom: string | undefined;
  readonly hosts: readonly string[];
  readonly people: readonly string[];
  readonly accounts: number;
  /** The gravest first. */
  readonly findings: readonly Finding[];
  readonly matrix: PredictionMatrix;
  /** How the moves of the matrix start. */
  readonly start: StartKind;
  readonly exposure: ExposureSummary;
}

const checks: readonly ((examination: Examination) => Finding[])[] = [
  checkDomain,
  checkTransition,
  checkPairs,
  checkServiceNames,
  checkEntries,
  checkResourceGrants,
  checkHosts,
  checkPeople,
  checkRights,
  checkReach,
  checkSource,
];

/** Reads a directory for everything that stops, endangers or confuses migrations between its hosts. */
export function examine(request: ExamineRequest): Report {
  const examination = examinationOf(request);
  const { view, profile, hosts, people, context, services } = examination;
  return {
    domain: view.domain.dnsName,
    profile: profile.name,
    readFrom: request.readFrom,
    hosts: hosts.map(({ samAccountName }) => samAccountName),
    people: people.map(({ samAccountName }) => samAccountName),
    accounts: examination.accountCount,
    findings: checks.flatMap((check) => check(examination)).sort(bySeverity),
    matrix: new PredictionMatrix({
      view,
      people,
      sources: hosts,
      start: request.start,
      managementServer: request.managementServer,
      evidence: request.evidence,
      services,
      profile,
      now: context.now,
    }),
    start: request.start ?? "remote",
    exposure: examination.exposure,
  };
}
