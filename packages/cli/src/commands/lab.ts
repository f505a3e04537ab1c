import { existsSync } from "node:fs";
import { type EvidenceMode, evidenceModes } from "@waybill/host";
import { DomainController } from "@waybill/kdc";
import { Argument, type Command, Option } from "commander";
import { Lab } from "../lab/lab.ts";
import { labConsole } from "../lab/lab-console.ts";
import { type LabDomainKind, labDomainKinds } from "../lab/lab-domain.ts";
import {
  defaultLabState,
  type LabLayout,
  labAddress,
  labHosts,
  labLayout,
  labPaths,
  labPorts,
} from "../lab/layout.ts";
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
      const progress = (what: string): void => console.error(errorStyle.faint(`· ${what}`));
      const running = await Lab.up(labLayout(options.state), { ...options, progress });
      await running.close();
      console.log(whatNext(labLayout(options.state)));
    });
  lab
    .command("down")
    .description("end a lab; nothing of it stays")
    .option(...state)
    .action(async (options: { state: string }) => await Lab.down(labLayout(options.state)));
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
  const fresh = !existsSync(labPaths(layout).processes);
  const quiet = options.json === true;
  const progress = (what: string): void => {
    if (!quiet) console.error(errorStyle.faint(`· ${what}`));
  };
  const results: ScenarioResult[] = [];
  const release = fresh && options.keep !== true ? downOnInterrupt(layout) : () => {};
  try {
    const lab = fresh
      ? await Lab.up(layout, { domain: options.domain, evidence: "auto", progress })
      : await Lab.open(layout);
    try {
      const narrator = new TerminalNarrator(quiet ? () => {} : console.log);
      for (const scenario of scenarios) results.push(await runScenario(lab, scenario, narrator));
    } finally {
      await lab.close();
    }
    const failed = results.filter(({ problems }) => problems.length > 0);
    if (quiet) console.log(JSON.stringify(results));
    else if (chosen.length > 1)
      console.log(`\n${results.length - failed.length} as expected, ${failed.length} not`);
    if (failed.length > 0) process.exitCode = ExitCode.failed;
    if (options.keep === true && !quiet) console.log(`\n${whatNext(labLayout(options.state))}`);
  } finally {
    release();
    if (fresh && options.keep !== true) await Lab.down(layout);
  }
}

/** A story that is broken off leaves as little behind as one that ends. */
function downOnInterrupt(layout: LabLayout): () => void {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  const end = (): void => {
    const exit = (): void => process.exit(ExitCode.failed);
    Lab.down(layout).then(exit, exit);
  };
  for (const signal of signals) process.once(signal, end);
  return () => {
    for (const signal of signals) process.removeListener(signal, end);
  };
}
