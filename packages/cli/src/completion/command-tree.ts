import type { Command, Option } from "commander";

/** One command as a shell completes it. */
export interface CommandNode {
  /** `lab run`; empty for the program itself. */
  readonly path: string;
  /** Sub-commands, or the values of an argument when they are known. */
  readonly words: readonly CompletionWord[];
  readonly options: readonly CompletionOption[];
  /** Whether an argument may be a file. */
  readonly files: boolean;
}

export interface CompletionWord {
  readonly word: string;
  readonly description: string;
}

export interface CompletionOption extends CompletionWord {
  /** Undefined: it takes no value. */
  readonly value?: "file" | "text" | readonly string[] | undefined;
}

const fileNames = /file|path|dir|keytab|cache/;

/** Every command below one, parents first. Hidden commands are left out. */
export function commandTree(command: Command, path = ""): CommandNode[] {
  const children = command.commands.filter((child) => !isHidden(child));
  const known = command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices);
  const node: CommandNode = {
    path,
    words: [
      ...children.map((child) => ({ word: child.name(), description: child.description() })),
      ...known.map((word) => ({ word, description: "" })),
    ],
    options: [
      ...command.options.filter(({ hidden }) => !hidden).map(completionOption),
      { word: "--help", description: "display help for command" },
    ],
    files: command.registeredArguments.some(
      (argument) => fileNames.test(argument.name()) || /file/.test(argument.description),
    ),
  };
  return [
    node,
    ...children.flatMap((child) => commandTree(child, `${path}${path === "" ? "" : " "}${child.name()}`)),
  ];
}

function completionOption({ long, short, flags, description, argChoices, required, optional }: Option) {
  const value =
    !required && !optional ? undefined : (argChoices ?? (fileNames.test(flags) ? "file" : "text"));
  return { word: long ?? short ?? "", description, value } satisfies CompletionOption;
}

function isHidden(command: Command): boolean {
  return "_hidden" in command && command._hidden === true;
}
