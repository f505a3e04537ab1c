import {
  diagnose,
  exposure,
  type Finding,
  findHost,
  findingJson,
  findingsText,
  findPerson,
  type Prediction,
  PredictionMatrix,
  type Proof,
  proofFindings,
  proofJson,
  reportSchema,
  storyText,
} from "@waybill/doctor";
import { kdcProfiles } from "@waybill/kdc";
import { style } from "../../output/style.ts";
import { forScreen } from "../../output/wrap-text.ts";
import type { OpenDirectory } from "../../session/open-directory.ts";
import { hostsText } from "./ask-hosts.ts";
import { observe, observedJson } from "./observe.ts";
import { type DoctorOptions, peopleOf, servicesOf, startOf } from "./options.ts";
import { writePage } from "./page.ts";
import { type ProvableMove, proofsText, proveMoves, proverFor } from "./prove.ts";

/** Why each of the people can or cannot move from one host to one other. */
export async function oneMove(
  open: OpenDirectory,
  options: DoctorOptions,
  from: string,
  to: string,
): Promise<readonly Finding[]> {
  const { directory: view, profile, readFrom } = open;
  const people = peopleOf(view, {
    ...options,
    ...(options.person === undefined && options.group === undefined && open.who !== undefined
      ? { person: [open.who] }
      : {}),
  }).map((person) => findPerson(view, person));
  const asked = {
    view,
    profile,
    start: startOf(options),
    managementServer: options.via,
    evidence: options.evidence,
    services: servicesOf(options),
  };
  const results = people.map((person) =>
    diagnose({ ...asked, readFrom, person, from, to, mayEditComputers: options.resourceOnly !== true }),
  );
  const predictions = results.map(({ prediction }) => prediction);
  const proven =
    options.prove === true
      ? await proveMoves(await proverFor(open, options), predictions.map(provable))
      : undefined;
  const proofs = new Map(
    proven?.proofs.map((proof): [Proof["prediction"], Proof] => [proof.prediction, proof]),
  );
  const hosts = [findHost(view, from), findHost(view, to)];
  const observed = await observe(open, options, { hosts, people, whole: false });
  const more = [...observed.findings, ...proofFindings(view, proven?.proofs ?? [], readFrom)];
  const findings = distinct([...results.flatMap(({ findings: own }) => own), ...more]);
  // Of people who fare alike, one has the whole story told.
  const told = new Set<string>();
  if (options.json === true) {
    const moves = results.map(({ prediction, findings: own }) => {
      const proof = proofs.get(prediction);
      return {
        prediction,
        findings: own.map(findingJson),
        ...(proof === undefined ? {} : { proof: proofJson(proof) }),
      };
    });
    console.log(
      JSON.stringify({
        schema: reportSchema,
        domain: view.domain.dnsName,
        readFrom,
        moves,
        findings: more.map(findingJson),
        ...observedJson(observed),
      }),
    );
  } else {
    for (const { prediction } of results) {
      const story = storyText(prediction, style, proofs.get(prediction));
      const like = `${prediction.outcome} ${prediction.reason?.id ?? ""}`;
      const brief = options.all !== true && proven === undefined && told.has(like);
      const verdict = prediction.works ? style.good(prediction.sentence) : style.bad(prediction.sentence);
      console.log(brief ? forScreen(verdict, 0) : story);
      told.add(like);
    }
    const own = distinct(results.flatMap((result) => result.findings));
    if (own.length > 0) console.log(`\n${findingsText(own, { palette: style })}`);
    if (proven !== undefined) console.log(`\n${forScreen(proofsText(proven.proofs, proven.left), 0)}`);
    if (observed.hosts !== undefined) console.log(`\n${hostsText(observed.hosts)}`);
    if (more.length > 0) console.log(`\n${findingsText(more, { palette: style })}`);
  }
  if (options.html !== undefined) {
    writePage(options.html, open, {
      hosts: hosts.map(({ samAccountName }) => samAccountName),
      people: people.map(({ samAccountName }) => samAccountName),
      findings,
      matrix: new PredictionMatrix({ ...asked, people, sources: [from], destinations: [to] }),
      start: asked.start,
      stories: predictions,
      proofs: proven?.proofs,
      exposure: exposure(view, kdcProfiles[profile]),
    });
    if (options.json !== true) console.log(`\nReport: ${options.html}`);
  }
  return findings;
}

/** People who fail for the same reason have the same finding. */
function distinct(findings: readonly Finding[]): Finding[] {
  return [...new Map(findings.map((finding) => [`${finding.id} ${finding.cause}`, finding])).values()];
}

function provable(prediction: Prediction): ProvableMove {
  return { askers: prediction.exchanges.map(({ by }) => by), tell: () => prediction };
}
