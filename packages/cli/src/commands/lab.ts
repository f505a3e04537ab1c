import { type EvidenceMode, evidenceModes } from "@waybill/host";
import { DomainController } from "@waybill/kdc";
import { Argument, type Command, Option } from "commander";
import { downOnInterrupt } from "../lab/down-on-interrupt.ts";
import { Lab } from "../lab/lab.ts";
import { labConsole } from "../lab/lab-console.ts";
import { type LabDomainKind, labDomainKinds } from "../lab/lab-domain.ts";
import { defaultLabState, labAddress, labHosts, labLayout, labPaths, labPorts } from "../lab/layout.ts";
import { labMachine } from "../lab/scenario/lab-move.ts";
import { runScenario, type ScenarioResult } from "../lab/scenario/run-scenario.ts";
import { readScenario, scenarioNames } from "../lab/scenario/scenario.ts";
import { TerminalNarrator } from "../lab/scenario/terminal-narrator.ts";
import { runSwitchboard } from "../lab/switchboard.ts";
import { whatNext } from "../lab/what-next.ts";
import { ExitCode } from "../output/exit-code.ts";
import { errorStyle } from "../output/style.ts";
import { untilStopped } from "./host.ts";

export function registerLab(program: Command): void {
  const lab = program.command("lab").description("a whole domain with two hosts and a running machine, here");
  const state = ["--state <dir>", "where everything of the lab is", defaultLabState()] as const;
  lab
    .command("up")
    .description("start a lab and leave it running")
    .option(...state)
    .addOption(domainOption())
    .addOption(
      new Option("--evidence <mode>", "how hosts hold evidence").choices(evidenceModes).default("auto"),
    )
    .action(async (options: { state: string; domain: LabDomainKind; evidence: EvidenceMode }) => {
      const layout = labLayout(options.state);
      const running = await downOnInterrupt(
        layout,
        async (signal) => await Lab.up(layout, { ...options, progress: showStep, signal }),
      );
      await running.close();
      console.log(whatNext(layout));
    });
  lab
    .command("down")
    .description("end a lab; nothing of it stays")
    .option(...state)
    .action(async (options: { state: string }) => {
      const layout = labLayout(options.state);
      if (!(await Lab.down(layout))) showStep(`there is no lab in ${layout.state}`);
    });
  lab
    .command("console")
    .description("the lab machine's serial port, wherever it runs now; Ctrl-] leaves")
    .option(...state)
    .action(async (options: { state: string }) => {
      const running = await Lab.open(labLayout(options.state));
      await labConsole(running, labMachine).finally(() => running.close());
    });
  lab
    .command("run")
    .description("play scenarios in a lab, one after the other, and check what comes of them")
    .addArgument(scenarioArgument())
    .option(...state)
    .addOption(domainOption())
    .option("--keep", "leave the lab running afterwards")
    .option("--json", "results as JSON only")
    .action(runScenarios);
  lab
    .command("story")
    .description(
      "the whole story: the failure, the diagnosis, the repair, the move; and what Windows cannot do",
    )
    .option(...state)
    .addOption(domainOption())
    .option("--keep", "leave the lab running afterwards")
    .action(async (options: RunOptions) => await runScenarios(["story"], options));
  lab
    .command("part-domain", { hidden: true })
    .requiredOption("--state <dir>")
    .action(async (options: { state: string }) => {
      const layout = labLayout(options.state);
      const { kdc, kpasswd, ldap, ldaps } = labPorts;
      const controller = await DomainController.start({
        state: labPaths(layout).domain,
        host: labAddress(layout, "dc1"),
        ports: { kdc, kpasswd, ldap, ldaps },
      });
      await untilStopped();
      await controller.stop();
    });
  lab
    .command("part-switch", { hidden: true })
    .requiredOption("--state <dir>")
    .action(async (options: { state: string }) => {
      const stop = new AbortController();
      const running = runSwitchboard(labPaths(labLayout(options.state)).switch, labHosts, stop.signal);
      await untilStopped();
      stop.abort();
      await running;
    });
}

/** The names are offered, not demanded: a path will do. */
function scenarioArgument(): Argument {
  const argument = new Argument("[scenario...]", "all of them unless named; or the path of a file");
  argument.argChoices = scenarioNames();
  return argument;
}

function domainOption(): Option {
  return new Option("--domain <kind>", "whose domain controller: Waybill's own, or a real Samba AD (as root)")
    .choices(labDomainKinds)
    .default("embedded");
}

interface RunOptions {
  readonly domain: LabDomainKind;
  readonly state: string;
  readonly keep?: boolean;
  readonly json?: boolean;
}

async function runScenarios(names: readonly string[], options: RunOptions): Promise<void> {
  const layout = labLayout(options.state);
  const chosen = names.length === 0 ? scenarioNames().filter((name) => name !== "story") : names;
  const scenarios = chosen.map(readScenario);
  const quiet = options.json === true;
  const narrator = new TerminalNarrator(quiet ? () => {} : console.log);
  const play = async (lab: Lab, signal?: AbortSignal): Promise<ScenarioResult[]> => {
    const results: ScenarioResult[] = [];
    try {
      for (const scenario of scenarios) results.push(await runScenario(lab, scenario, narrator, signal));
    } finally {
      await lab.close();
    }
    return results;
  };
  const start = async (signal: AbortSignal): Promise<Lab> =>
    await Lab.up(layout, {
      domain: options.domain,
      evidence: "auto",
      progress: quiet ? () => {} : showStep,
      signal,
    });
  const results = (await Lab.isRunning(layout))
    ? await play(await Lab.open(layout))
    : options.keep === true
      ? await play(await downOnInterrupt(layout, start))
      : await downOnInterrupt(layout, async (signal) => {
          const lab = await start(signal);
          return await play(lab, signal).finally(() => Lab.down(layout));
        });
  const failed = results.filter(({ problems }) => problems.length > 0);
  if (quiet) console.log(JSON.stringify(results));
  else if (chosen.length > 1)
    console.log(`\n${results.length - failed.length} as expected, ${failed.length} not`);
  if (failed.length > 0) process.exitCode = ExitCode.failed;
  if (options.keep === true && !quiet) console.log(`\n${whatNext(layout)}`);
}

function showStep(what: string): void {
  console.error(errorStyle.faint(`· ${what}`));
}
