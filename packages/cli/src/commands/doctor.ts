import { writeFileSync } from "node:fs";
import {
  chooseStories,
  diagnose,
  examine,
  type Finding,
  findingJson,
  findingsText,
  matrixText,
  type PlanRequest,
  plan,
  planFindings,
  predict,
  renderHtml,
  reportJson,
  reportSchema,
  type Severity,
  storyText,
  viewAfter,
  worstSeverity,
} from "@waybill/doctor";
import { type Command, Option } from "commander";
import { ExitCode } from "../output/exit-code.ts";
import { style } from "../output/style.ts";
import { type OpenDirectory, withDirectory } from "../session/open-directory.ts";
import { carryOut } from "./doctor/fix.ts";
import { type DoctorOptions, peopleOf, servicesOf, startOf, withSource } from "./doctor/options.ts";

export function registerDoctor(program: Command): void {
  withSource(program.command("doctor"))
    .description("say why migrations fail, prove it, repair it")
    .option(
      "--person <name...>",
      "who moves; unless told, members of Hyper-V Administrators and Domain Admins",
    )
    .option("--group <name>", "everybody in this group")
    .option("--host <name...>", "hosts; unless told, all that registered the migration service")
    .option("--from <host>", "one move: the source")
    .option("--to <host>", "one move: the destination")
    .option("--via <server>", "started through this management server")
    .addOption(
      new Option("--start <where>", "where the migration is started").choices([
        "remote",
        "at-source",
        "via-management-server",
      ]),
    )
    .addOption(
      new Option("--evidence <mode>", "what the source host shows to the KDC")
        .choices(["auto", "ticket", "s4u2self"])
        .default("auto"),
    )
    .option("--memory-only", "leave out cifs: storage stays where it is")
    .option("--what-if", "predict what would be after the plan, and change nothing")
    .option("--fix", "make the wanted moves work: shows the plan, asks, applies, verifies")
    .addOption(
      new Option("--mode <kind>", "how --fix sets up delegation")
        .choices(["auto", "kerberos-only", "any-protocol", "resource-based"])
        .default("auto"),
    )
    .option(
      "--resource-only",
      "you may not change computer accounts of source hosts: plan resource-based delegation",
    )
    .option("--yes", "with --fix: do not ask")
    .option("--undo <file>", "with --fix: where to keep the LDIF that takes it back")
    .option("--json", "as one JSON document")
    .option("--html <file>", "write a report to read in a browser")
    .addOption(
      new Option("--fail-on <severity>", `exit status ${ExitCode.findings} from this severity on`)
        .choices(["critical", "error", "warning", "notice"])
        .default("error"),
    )
    .action(async (options: DoctorOptions) => {
      await withDirectory(options, async (directory) => await examineDirectory(directory, options));
    });
}

async function examineDirectory(directory: OpenDirectory, options: DoctorOptions): Promise<void> {
  if (options.fix === true || options.whatIf === true) return await repair(directory, options);
  const findings =
    options.from !== undefined && options.to !== undefined
      ? oneMove(directory, options, options.from, options.to)
      : wholeDirectory(directory, options);
  const worst = worstSeverity(findings);
  if (worst !== undefined && ranks.indexOf(worst) <= ranks.indexOf(options.failOn))
    process.exitCode = ExitCode.findings;
}

const ranks: readonly Severity[] = ["critical", "error", "warning", "notice"];

/** Why each of the people can or cannot move from one host to one other. */
function oneMove(open: OpenDirectory, options: DoctorOptions, from: string, to: string): Finding[] {
  const { directory: view, profile, readFrom } = open;
  const people = peopleOf(view, {
    ...options,
    ...(options.person === undefined && options.group === undefined && open.who !== undefined
      ? { person: [open.who] }
      : {}),
  });
  const results = people.map((person) =>
    diagnose({
      view,
      profile,
      readFrom,
      person,
      from,
      to,
      start: startOf(options),
      managementServer: options.via,
      evidence: options.evidence,
      services: servicesOf(options),
      mayEditComputers: options.resourceOnly !== true,
    }),
  );
  if (options.json === true) {
    const moves = results.map(({ prediction, findings }) => ({
      prediction,
      findings: findings.map(findingJson),
    }));
    console.log(JSON.stringify({ schema: reportSchema, domain: view.domain.dnsName, readFrom, moves }));
  } else {
    for (const { prediction, findings } of results) {
      console.log(storyText(prediction, style));
      if (findings.length > 0) console.log(`\n${findingsText(findings, { palette: style })}`);
    }
  }
  return results.flatMap(({ findings }) => findings);
}

function wholeDirectory(open: OpenDirectory, options: DoctorOptions): readonly Finding[] {
  const { directory: view, profile, readFrom, problems } = open;
  const report = examine({
    view,
    profile,
    readFrom,
    problems,
    hosts: options.host,
    people: peopleOf(view, options),
    services: servicesOf(options),
    evidence: options.evidence,
  });
  if (options.html !== undefined) {
    const { people, sources, destinations } = report.matrix;
    const stories = chooseStories(report.matrix, (person, source, destination) =>
      predict({
        view,
        profile,
        person: people[person]?.sid ?? "",
        source: sources[source]?.sid ?? "",
        destination: destinations[destination]?.sid ?? "",
        evidence: options.evidence,
        services: servicesOf(options),
      }),
    );
    writeFileSync(options.html, renderHtml({ ...report, stories, readAt: Date.now() }));
  }
  if (options.json === true) console.log(JSON.stringify(reportJson(report)));
  else {
    const { hosts, people, accounts, findings, domain } = report;
    console.log(
      `${style.strong(domain)}: ${accounts} accounts, ${hosts.length} hosts, ${people.length} people, read from ${readFrom}; KDC as ${report.profile}.\n`,
    );
    if (hosts.length > 1 && people.length > 0)
      console.log(`${matrixText(report.matrix, { palette: style, width: process.stdout.columns ?? 100 })}\n`);
    console.log(
      findings.length === 0
        ? style.good("Nothing to find fault with.")
        : findingsText(findings, { palette: style }),
    );
  }
  if (options.html !== undefined && options.json !== true) console.log(`\nReport: ${options.html}`);
  return report.findings;
}

/** `--fix` and `--what-if`. */
async function repair(open: OpenDirectory, options: DoctorOptions): Promise<void> {
  const { directory: view, profile } = open;
  if (options.from === undefined || options.to === undefined) return await repairFindings(open, options);
  const request: PlanRequest = {
    view,
    profile,
    pairs: [{ from: options.from, to: options.to }],
    people: peopleOf(view, options),
    mode: options.mode,
    evidence: options.evidence,
    services: servicesOf(options),
    mayEditComputers: options.resourceOnly !== true,
    start: startOf(options) === "at-source" ? "at-source" : "remote",
  };
  const made = plan(request);
  const works = await carryOut(made, open, { ...options, dryRun: options.whatIf });
  if (options.json !== true) {
    const failing = made.predictions.filter(({ works: good }) => !good);
    console.log(
      `\nAfter the plan: ${made.predictions.length - failing.length} of ${made.predictions.length} moves work.`,
    );
    for (const { sentence } of failing.slice(0, 10)) console.log(style.warn(`  ${sentence}`));
    if (options.whatIf === true) {
      const after = viewAfter(view, made.diffs);
      for (const person of request.people ?? []) {
        const story = { view: after, profile, person: typeof person === "string" ? person : person.sid };
        console.log(
          storyText(
            predict({
              ...story,
              source: options.from,
              destination: options.to,
              evidence: options.evidence,
              services: servicesOf(options),
            }),
            style,
          ),
        );
      }
    }
  }
  if (options.whatIf !== true && !works) process.exitCode = ExitCode.findings;
}

/** Without a move in mind: whatever can be repaired in one way only. */
async function repairFindings(open: OpenDirectory, options: DoctorOptions): Promise<void> {
  const { directory: view, profile } = open;
  const made = planFindings({
    view,
    profile,
    hosts: options.host,
    people: peopleOf(view, options),
    services: servicesOf(options),
    evidence: options.evidence,
  });
  const done = await carryOut(made, open, { ...options, dryRun: options.whatIf });
  if (options.json !== true)
    console.log(
      "\nWhat can be repaired in several ways is left: name a move with --from and --to, or use waybill delegation allow.",
    );
  if (options.whatIf !== true && !done) process.exitCode = ExitCode.findings;
}
