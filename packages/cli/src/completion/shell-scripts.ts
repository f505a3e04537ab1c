import type { CommandNode, CompletionOption } from "./command-tree.ts";

/**
 * Completion scripts that hold all there is to complete: no TAB ever runs the command. A half-typed command line with
 * `--help` at its end is not always a request for help.
 */
export const shellScripts: Readonly<Record<string, (nodes: readonly CommandNode[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

function bashScript(nodes: readonly CommandNode[]): string {
  return `# waybill completion for bash
_waybill() {
  local current="\${COMP_WORDS[COMP_CWORD]}" command="" word
  COMPREPLY=()
${walk(nodes, `"\${COMP_WORDS[@]:1:COMP_CWORD-1}"`)}
  case "$command \${COMP_WORDS[COMP_CWORD-1]}" in
${valueCases(nodes, (words) => `COMPREPLY=( $(compgen -W ${quoted(words)} -- "$current") )`, "compopt -o default 2>/dev/null")}
  esac
  case "$command" in
${wordCases(nodes, (words) => `COMPREPLY=( $(compgen -W ${quoted(words)} -- "$current") )`, "compopt -o default 2>/dev/null")}
  esac
}
complete -F _waybill waybill
`;
}

function zshScript(nodes: readonly CommandNode[]): string {
  return `#compdef waybill
_waybill() {
  local command="" word
${walk(nodes, `"\${(@)words[2,CURRENT-1]}"`)}
  case "$command \${words[CURRENT-1]}" in
${valueCases(nodes, (words) => `compadd -- ${words.join(" ")}`, "_files")}
  esac
  case "$command" in
${wordCases(nodes, (words) => `compadd -- ${words.join(" ")}`, "_files")}
  esac
}
if [ "$funcstack[1]" = "_waybill" ]; then _waybill "$@"; else compdef _waybill waybill; fi
`;
}

/** Follows the typed words down the tree of commands, as far as they are commands. */
function walk(nodes: readonly CommandNode[], typed: string): string {
  const steps = nodes.filter(({ path }) => path !== "").map(({ path }) => `"${stepTo(path)}"`);
  return `  for word in ${typed}; do
    case "$command $word" in
      ${steps.join("|")}) command="\${command:+$command }$word" ;;
    esac
  done`;
}

/** `lab up` is reached from `lab` by `up`, `lab` from nothing by `lab`. */
function stepTo(path: string): string {
  return path.includes(" ") ? path : ` ${path}`;
}

function valueCases(
  nodes: readonly CommandNode[],
  offer: (words: readonly string[]) => string,
  files: string,
): string {
  const patterns = new Map<string, string[]>();
  for (const { path, options } of nodes) {
    for (const { word, value } of options) {
      if (value === undefined) continue;
      const action = value === "file" ? files : value === "text" ? ":" : offer(value);
      patterns.set(action, [...(patterns.get(action) ?? []), `"${path} ${word}"`]);
    }
  }
  return [...patterns].map(([action, all]) => `    ${all.join("|")}) ${action}; return ;;`).join("\n");
}

function wordCases(
  nodes: readonly CommandNode[],
  offer: (words: readonly string[]) => string,
  files: string,
): string {
  return nodes
    .map(({ path, words, options, files: takesFiles }) => {
      const all = [...words, ...options].map(({ word }) => word);
      return `    "${path}") ${offer(all)}${takesFiles ? `; ${files}` : ""} ;;`;
    })
    .join("\n");
}

function quoted(words: readonly string[]): string {
  return `"${words.join(" ")}"`;
}

function fishScript(nodes: readonly CommandNode[]): string {
  const steps = nodes.filter(({ path }) => path !== "").map(({ path }) => fishQuoted(stepTo(path)));
  const lines = nodes.flatMap(({ path, words, options, files }) => {
    const at = `complete -c waybill -n ${fishQuoted(`__waybill_at ${path === "" ? "''" : `'${path}'`}`)}`;
    return [
      ...(files ? [] : [`${at} -f`]),
      ...words.map(({ word, description }) => `${at} -a ${word} -d ${fishQuoted(description)}`),
      ...options.map((option) => `${at}${fishOption(option)} -d ${fishQuoted(option.description)}`),
    ];
  });
  return `# waybill completion for fish
function __waybill_at
  set -l command
  for word in (commandline -opc)[2..-1]
    contains -- "$command $word" ${steps.join(" ")}; and set command (string trim -- "$command $word")
  end
  test "$command" = "$argv[1]"
end
${lines.join("\n")}
`;
}

function fishOption({ word, value }: CompletionOption): string {
  const long = ` -l ${word.replace(/^-+/, "")}`;
  if (value === undefined) return `${long}`;
  if (value === "file") return `${long} -r -F`;
  return value === "text" ? `${long} -x` : `${long} -x -a ${fishQuoted(value.join(" "))}`;
}

function fishQuoted(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}
