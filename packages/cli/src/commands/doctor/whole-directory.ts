import type { Account } from "@waybill/directory";
import {
  bySeverity,
  chooseStories,
  examine,
  type Finding,
  findHost,
  findingsDigest,
  findingsText,
  findPerson,
  matrixText,
  migrationHosts,
  type Prediction,
  type PredictionMatrix,
  predict,
  proofFindings,
  proofJson,
  readDescriptors,
  reportJson,
} from "@waybill/doctor";
import { style } from "../../output/style.ts";
import { forScreen } from "../../output/wrap-text.ts";
import type { OpenDirectory } from "../../session/open-directory.ts";
import { controllersText } from "./ask-controllers.ts";
import { hostsText } from "./ask-hosts.ts";
import { observe, observedJson } from "./observe.ts";
import { type DoctorOptions, peopleOf, servicesOf, startOf } from "./options.ts";
import { writePage } from "./page.ts";
import { type ProvableMove, proofsText, proveMoves, proverFor } from "./prove.ts";

/** A terminal that does not say how high it is. */
const usualRows = 48;

/** Stories a page holds. */
const mostStories = 60;

/** Everything there is to say about a directory and its hosts. */
export async function wholeDirectory(
  open: OpenDirectory,
  options: DoctorOptions,
): Promise<readonly Finding[]> {
  const { directory: view, profile, readFrom, problems, ldap } = open;
  const hosts = options.host?.map((host) => findHost(view, host)) ?? migrationHosts(view);
  const people = peopleOf(view, options).map((person) => findPerson(view, person));
  const start = startOf(options);
  const server = options.via === undefined ? undefined : findHost(view, options.via);
  const [descriptors, observed] = await Promise.all([
    ldap === undefined ? new Map<string, Uint8Array>() : readDescriptors(ldap, view.domain.dn, hosts),
    observe(open, options, { hosts, people, whole: true }),
  ]);
  const asked = {
    view,
    profile,
    start,
    managementServer: options.via,
    services: servicesOf(options),
    evidence: options.evidence,
  };
  const examined = examine({ ...asked, readFrom, problems, hosts, people, descriptors });
  const { matrix } = examined;
  const tell = (person: number, source: number, destination: number): Prediction =>
    predict({
      ...asked,
      person: matrix.people[person]?.sid ?? "",
      source: matrix.sources[source]?.sid ?? "",
      destination: matrix.destinations[destination]?.sid ?? "",
    });
  const proven =
    options.prove === true
      ? await proveMoves(await proverFor(open, options), allMoves(matrix, server, tell))
      : undefined;
  const proofs = proven?.proofs ?? [];
  const findings = [
    ...examined.findings,
    ...observed.findings,
    ...proofFindings(view, proofs, readFrom),
  ].sort(bySeverity);
  const report = { ...examined, findings };
  if (options.html !== undefined) {
    // Where moves were proved, these are the stories to tell.
    const worst = proofs.toSorted((left, right) => rank(left.verdict) - rank(right.verdict));
    const stories =
      proofs.length === 0
        ? chooseStories(matrix, tell, mostStories)
        : worst.slice(0, mostStories).map(({ prediction }) => prediction);
    writePage(options.html, open, { ...report, stories, proofs });
  }
  if (options.json === true) {
    console.log(
      JSON.stringify({
        ...reportJson(report),
        ...observedJson(observed),
        ...(proven === undefined ? {} : { proofs: proofs.map(proofJson) }),
      }),
    );
    return findings;
  }
  const width = process.stdout.columns ?? 100;
  const said: string[] = [
    forScreen(
      `${style.strong(report.domain)}: ${count(report.accounts, "account")}, ${count(hosts.length, "host")}, ${count(people.length, "person", "people")}, read from ${readFrom}; KDC as ${report.profile}.\n`,
      0,
    ),
  ];
  if (hosts.length > 1 && people.length > 0) said.push(`${matrixText(matrix, { palette: style, width })}\n`);
  if (observed.controllers !== undefined)
    said.push(forScreen(`${controllersText(observed.controllers)}\n`, 0));
  if (observed.hosts !== undefined) said.push(`${hostsText(observed.hosts)}\n`);
  if (proven !== undefined) said.push(forScreen(`${proofsText(proofs, proven.left)}\n`, 0));
  if (hosts.length === 0) {
    const advice =
      "No computer has registered the migration service: name hosts with --host to look at others.\n";
    said.push(forScreen(advice, 0));
  }
  if (people.length === 0) {
    const advice =
      "Nobody is in Hyper-V Administrators or Domain Admins: name people with --person or --group.\n";
    said.push(forScreen(advice, 0));
  }
  const above = said.join("\n");
  console.log(above);
  console.log(
    findings.length === 0
      ? style.good("Nothing to find fault with.")
      : onScreen(findings, options.all === true, above.split("\n").length),
  );
  if (options.html !== undefined) console.log(forScreen(`\nReport: ${options.html}`, 0));
  return findings;
}

/** Findings in full when they fit below what was said, or are asked for in full; otherwise each kind once. */
function onScreen(findings: readonly Finding[], all: boolean, above: number): string {
  // The last row is the shell's.
  const rows = process.stdout.isTTY ? process.stdout.rows - above - 1 : usualRows;
  // None takes less than a row.
  const full = all || findings.length <= rows ? findingsText(findings, { palette: style }) : undefined;
  if (full !== undefined && (all || full.split("\n").length <= rows)) return full;
  const how =
    "Evidence and commands: --all. One move and its story: --from and --to. To read at leisure: --html.";
  return `${findingsDigest(findings, { palette: style })}\n\n${forScreen(style.faint(how), 0)}`;
}

function* allMoves(
  { people, sources, destinations }: PredictionMatrix,
  managementServer: Account | undefined,
  tell: (person: number, source: number, destination: number) => Prediction,
): Generator<ProvableMove> {
  const between = managementServer === undefined ? [] : [managementServer.samAccountName];
  for (const [source, host] of sources.entries()) {
    for (const [destination, other] of destinations.entries()) {
      if (host.sid === other.sid) continue;
      for (const [person, { samAccountName }] of people.entries()) {
        yield {
          askers: [samAccountName, host.samAccountName, ...between],
          tell: () => tell(person, source, destination),
        };
      }
    }
  }
}

function rank(verdict: string): number {
  return ["differs", "agrees", "partly", "not-tried"].indexOf(verdict);
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString("en-US")} ${number === 1 ? one : many}`;
}
