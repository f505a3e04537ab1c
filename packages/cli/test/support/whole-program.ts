import { Command } from "commander";
import { groups } from "../../src/commands/groups.ts";

/** The whole command line, every group of it loaded. */
export async function wholeProgram(): Promise<Command> {
  const program = new Command("waybill");
  for (const { load } of Object.values(groups)) (await load())(program);
  return program;
}
