#!/usr/bin/env node
import { Command, CommanderError } from "commander";
import { ExitCode } from "./output/exit-code.ts";
import { reportError } from "./output/report-error.ts";

/** Command groups are loaded when asked for: `waybill --help` must not wait for a KDC to be read in. */
const groups: Readonly<Record<string, { summary: string; load: () => Promise<(program: Command) => void> }>> =
  {
    move: {
      summary: "move a running virtual machine to another host, as yourself",
      load: async () => (await import("./commands/move.ts")).registerMove,
    },
    evacuate: {
      summary: "move every virtual machine away from a host",
      load: async () => (await import("./commands/evacuate.ts")).registerEvacuate,
    },
    vm: {
      summary: "list, show, define, start and stop virtual machines",
      load: async () => (await import("./commands/vm.ts")).registerVm,
    },
    host: {
      summary: "run, set up, check and configure a host",
      load: async () => (await import("./commands/host.ts")).registerHost,
    },
    audit: {
      summary: "who moved what, through which host",
      load: async () => (await import("./commands/audit.ts")).registerAudit,
    },
    doctor: {
      summary: "say why migrations fail, prove it, repair it",
      load: async () => (await import("./commands/doctor.ts")).registerDoctor,
    },
    explain: {
      summary: "what an error code, event id or message means",
      load: async () => (await import("./commands/explain.ts")).registerExplain,
    },
    delegation: {
      summary: "show and change who may act for whom",
      load: async () => (await import("./commands/delegation.ts")).registerDelegation,
    },
    ticket: {
      summary: "log in, list, get and test Kerberos tickets",
      load: async () => (await import("./commands/ticket.ts")).registerTicket,
    },
    keytab: {
      summary: "list, add to and merge keytabs",
      load: async () => (await import("./commands/keytab.ts")).registerKeytab,
    },
    dc: {
      summary: "a small domain controller: directory, KDC, LDAP",
      load: async () => (await import("./commands/dc.ts")).registerDc,
    },
    lab: {
      summary: "a whole domain with two hosts and a running machine, here",
      load: async () => (await import("./commands/lab.ts")).registerLab,
    },
    completion: {
      summary: "shell completion",
      load: async () => (await import("./commands/completion.ts")).registerCompletion,
    },
  };

async function main(argv: readonly string[]): Promise<number> {
  const program = new Command("waybill")
    .description(
      "Live migration of virtual machines, as the person who asked; and the doctor of its delegation.",
    )
    .version("0.1.0")
    .showSuggestionAfterError()
    .exitOverride();
  const wanted = argv.find((argument) => !argument.startsWith("-"));
  const group = wanted === undefined ? undefined : groups[wanted];
  if (group === undefined) {
    for (const [name, { summary }] of Object.entries(groups)) program.command(name).description(summary);
    program.addHelpText(
      "after",
      "\nStart with: waybill lab run ws2016\nExit codes: 0 done, 1 failed, 2 wrong usage, 3 refused, 4 unreachable, 5 findings",
    );
  } else (await group.load())(program);
  try {
    await program.parseAsync([...argv], { from: "user" });
    return process.exitCode === undefined ? ExitCode.done : Number(process.exitCode);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.done : ExitCode.usage;
    return reportError(error, argv.includes("--json"));
  }
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.exitCode = reportError(error, false);
  },
);
