import { Argument, Command } from "commander";
import { commandTree } from "../completion/command-tree.ts";
import { shellScripts } from "../completion/shell-scripts.ts";
import { groups } from "./groups.ts";

export function registerCompletion(program: Command): void {
  program
    .command("completion")
    .description("print the completion script of a shell")
    .addArgument(new Argument("<shell>", "whose").choices(Object.keys(shellScripts)))
    .addHelpText("after", examples)
    .action(async (shell: string) => {
      const whole = new Command("waybill");
      for (const { load } of Object.values(groups)) (await load())(whole);
      process.stdout.write(shellScripts[shell]?.(commandTree(whole)) ?? "");
    });
}

const examples = `
Examples:
  waybill completion bash > /etc/bash_completion.d/waybill
  waybill completion zsh > /usr/local/share/zsh/site-functions/_waybill
  waybill completion fish > ~/.config/fish/completions/waybill.fish
  source <(waybill completion bash)`;
