#!/usr/bin/env node
import { systemCode } from "@waybill/base";
import { Command, CommanderError } from "commander";
import { groups } from "./commands/groups.ts";
import { addExamples } from "./output/examples.ts";
import { ExitCode } from "./output/exit-code.ts";
import { reportError } from "./output/report-error.ts";

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
      "\nStart with: waybill lab story\nExit codes: 0 done, 1 failed, 2 wrong usage, 3 refused, 4 unreachable, 5 findings",
    );
  } else {
    (await group.load())(program);
    addExamples(program);
  }
  try {
    await program.parseAsync([...argv], { from: "user" });
    return process.exitCode === undefined ? ExitCode.done : Number(process.exitCode);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.done : ExitCode.usage;
    return await reportError(error, argv.includes("--json"));
  }
}

// A reader that has seen enough (`| head`) ends nothing that is under way, and is no error.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error) => {
    if (systemCode(error) !== "EPIPE") throw error;
  });
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  async (error: unknown) => {
    process.exitCode = await reportError(error, false);
  },
);
