import { type Severity, worstSeverity } from "@waybill/doctor";
import { type Command, Option } from "commander";
import { ExitCode } from "../output/exit-code.ts";
import { type OpenDirectory, withDirectory } from "../session/open-directory.ts";
import { oneMove } from "./doctor/one-move.ts";
import { type DoctorOptions, withSource } from "./doctor/options.ts";
import { repair } from "./doctor/repair.ts";
import { wholeDirectory } from "./doctor/whole-directory.ts";

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
    .option("--prove", "make the real exchanges, and compare every answer with the prediction")
    .option(
      "--keytab <file...>",
      "with --prove: keys of hosts and management servers; unless told, this machine's own",
    )
    .option("--hosts", "ask the hosts themselves as well, over WinRM with your ticket")
    .option("--dc <name...>", "compare these domain controllers; unless told, all that are known")
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
    .option("--all", "every finding with evidence and commands, though they fill more than a screen")
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
      ? await oneMove(directory, options, options.from, options.to)
      : await wholeDirectory(directory, options);
  const worst = worstSeverity(findings);
  if (worst !== undefined && ranks.indexOf(worst) <= ranks.indexOf(options.failOn))
    process.exitCode = ExitCode.findings;
}

const ranks: readonly Severity[] = ["critical", "error", "warning", "notice"];
