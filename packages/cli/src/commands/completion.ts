import { type Command, InvalidArgumentError } from "commander";

const groups = "move evacuate vm host audit doctor explain delegation ticket keytab dc lab completion";

const bash = `_waybill() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words
  if [ "$COMP_CWORD" -eq 1 ]; then words="${groups}"
  else words="$(waybill "\${COMP_WORDS[@]:1:COMP_CWORD-1}" --help 2>/dev/null | sed -nE 's/^  (--?[a-z-]+|[a-z][a-z-]*).*/\\1/p')"
  fi
  COMPREPLY=( $(compgen -W "$words" -- "$current") )
}
complete -F _waybill waybill
`;

const zsh = `#compdef waybill
autoload -U +X bashcompinit && bashcompinit
${bash}`;

const fish = `complete -c waybill -f -n __fish_use_subcommand -a "${groups}"
complete -c waybill -f -n "not __fish_use_subcommand" -a "(waybill (commandline -opc)[2..] --help 2>/dev/null | string match -rg '^  (--?[a-z-]+|[a-z][a-z-]*)')"
`;

const scripts: Readonly<Record<string, string>> = { bash, zsh, fish };

export function registerCompletion(program: Command): void {
  program
    .command("completion")
    .description("print the completion script of a shell")
    .argument("<shell>", "bash, zsh or fish", (shell) => {
      const script = scripts[shell];
      if (script === undefined) throw new InvalidArgumentError("it is bash, zsh or fish");
      return script;
    })
    .addHelpText("after", "\nExample: waybill completion bash > /etc/bash_completion.d/waybill")
    .action((script: string) => {
      process.stdout.write(script);
    });
}
