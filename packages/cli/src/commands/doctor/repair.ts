import {
  examine,
  findPerson,
  type Plan,
  type PlanRequest,
  PredictionMatrix,
  plan,
  planFindings,
  predict,
  storyText,
  viewAfter,
} from "@waybill/doctor";
import { ExitCode } from "../../output/exit-code.ts";
import { style } from "../../output/style.ts";
import { forScreen } from "../../output/wrap-text.ts";
import type { OpenDirectory } from "../../session/open-directory.ts";
import { carryOut } from "./fix.ts";
import { type DoctorOptions, peopleOf, servicesOf, startOf } from "./options.ts";
import { writePage } from "./page.ts";

/** `--fix` and `--what-if`. */
export async function repair(open: OpenDirectory, options: DoctorOptions): Promise<void> {
  const { from, to } = options;
  if (from === undefined || to === undefined) return await repairFindings(open, options);
  const { directory: view, profile } = open;
  const people = peopleOf(view, options).map((person) => findPerson(view, person));
  const how = {
    profile,
    evidence: options.evidence,
    services: servicesOf(options),
    start: startOf(options),
    managementServer: options.via,
  };
  const request: PlanRequest = {
    ...how,
    view,
    pairs: [{ from, to }],
    people,
    mode: options.mode,
    mayEditComputers: options.resourceOnly !== true,
  };
  const made = plan(request);
  // Before it is applied, so that what was and what will be are told from the same state.
  if (options.html !== undefined) pageOfPlan(open, options.html, how, made, { people, from, to });
  const works = await carryOut(made, open, { ...options, dryRun: options.whatIf });
  if (options.json !== true) {
    const failing = made.predictions.filter(({ works: good }) => !good);
    console.log(
      `\nAfter the plan: ${made.predictions.length - failing.length} of ${made.predictions.length} moves work.`,
    );
    for (const { sentence } of failing.slice(0, 10)) console.log(forScreen(style.warn(`  ${sentence}`)));
    if (options.whatIf === true) {
      const after = viewAfter(view, made.diffs);
      for (const { sid } of people)
        console.log(
          storyText(predict({ ...how, view: after, person: sid, source: from, destination: to }), style),
        );
    }
    if (options.html !== undefined) console.log(`\nReport: ${options.html}`);
  }
  if (options.whatIf !== true && !works) process.exitCode = ExitCode.findings;
}

/** How it would be after a plan, beside how it is. */
function pageOfPlan(
  open: OpenDirectory,
  file: string,
  how: Pick<PlanRequest, "profile" | "evidence" | "services" | "start" | "managementServer">,
  { diffs, exposureBefore, exposureAfter, predictions }: Plan,
  { people, from, to }: { people: readonly ReturnType<typeof findPerson>[]; from: string; to: string },
): void {
  const view = viewAfter(open.directory, diffs);
  const { start, managementServer, evidence, services, profile } = how;
  const examined = examine({
    view,
    profile,
    evidence,
    services,
    start,
    managementServer,
    hosts: [from, to],
    people: people.map(({ sid }) => sid),
    pairs: [{ from, to }],
    readFrom: `${open.readFrom}, after the plan`,
  });
  writePage(
    file,
    { ...open, readFrom: `${open.readFrom}, after the plan` },
    {
      ...examined,
      matrix: new PredictionMatrix({
        ...how,
        view,
        people: people.map(({ sid }) => sid),
        sources: [from],
        destinations: [to],
      }),
      stories: predictions,
      exposure: exposureBefore,
      exposureAfter,
    },
  );
}

/** Without a move in mind: whatever can be repaired in one way only. */
async function repairFindings(open: OpenDirectory, options: DoctorOptions): Promise<void> {
  const { directory: view, profile } = open;
  const asked = {
    profile,
    hosts: options.host,
    people: peopleOf(view, options),
    services: servicesOf(options),
    evidence: options.evidence,
    start: startOf(options),
    managementServer: options.via,
  };
  const made = planFindings({ ...asked, view });
  if (options.html !== undefined) {
    const people = asked.people.map((person) => (typeof person === "string" ? person : person.sid));
    const after = examine({ ...asked, people, view: viewAfter(view, made.diffs) });
    writePage(
      options.html,
      { ...open, readFrom: `${open.readFrom}, after the plan` },
      {
        ...after,
        exposure: made.exposureBefore,
        exposureAfter: made.exposureAfter,
      },
    );
  }
  const done = await carryOut(made, open, { ...options, dryRun: options.whatIf });
  if (options.json !== true) {
    console.log(
      forScreen(
        "\nWhat can be repaired in several ways is left: name a move with --from and --to, or use waybill delegation allow.",
        0,
      ),
    );
    if (options.html !== undefined) console.log(`\nReport: ${options.html}`);
  }
  if (options.whatIf !== true && !done) process.exitCode = ExitCode.findings;
}
