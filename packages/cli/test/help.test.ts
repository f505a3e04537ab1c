import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { commandTree } from "../src/completion/command-tree.ts";
import { addExamples } from "../src/output/examples.ts";
import { wholeProgram } from "./support/whole-program.ts";

const program = await wholeProgram();
addExamples(program);
const paths = commandTree(program)
  .map(({ path }) => path)
  .filter((path) => path !== "");

function commandAt(path: string): Command {
  let command = program;
  for (const word of path.split(" ")) {
    const next = command.commands.find((candidate) => candidate.name() === word);
    if (next === undefined) throw new Error(`there is no command ${path}`);
    command = next;
  }
  return command;
}

/** What `--help` prints. */
function helpOf(command: Command): string {
  let text = "";
  command.configureOutput({
    writeOut: (part) => {
      text += part;
    },
    getOutHelpWidth: () => 80,
  });
  command.outputHelp();
  return text;
}

describe("help", () => {
  it.each(paths)("of waybill %s ends with examples that can be typed, and fits a screen", (path) => {
    const command = commandAt(path);
    expect(command.description()).not.toBe("");
    const lines = helpOf(command).trimEnd().split("\n");
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    expect(lines.length).toBeLessThan(60);
    const [, examples = ""] = /Examples?:\s*\n?([\s\S]*)$/.exec(lines.join("\n")) ?? [];
    expect(examples).toContain(`waybill ${path}`);
    if (command.commands.length > 0) return;
    const known = ["--help", ...command.options.flatMap(({ long }) => long ?? [])];
    for (const [option] of examples
      .split("\n")
      .filter((line) => line.trim().startsWith(`waybill ${path} `))
      .join("\n")
      .matchAll(/--[a-z-]+/g))
      expect(known).toContain(option);
  });

  it.each(
    paths.filter((path) => /(^| )(list|show|status|members|check|get|move|run|audit|explain)$/.test(path)),
  )("of waybill %s offers --json, since it reports", (path) => {
    if (path === "host run") return;
    expect(commandAt(path).options.map(({ long }) => long)).toContain("--json");
  });
});
