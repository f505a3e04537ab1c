import { existsSync, rmSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline/promises";
import { WaybillError } from "@waybill/base";
import {
  afterHints,
  applyPlan,
  commandsOf,
  DoctorError,
  ldifOf,
  type Plan,
  planJson,
  planText,
  printable,
} from "@waybill/doctor";
import { style } from "../../output/style.ts";
import type { OpenDirectory } from "../../session/open-directory.ts";

export interface FixOptions {
  readonly yes?: boolean | undefined;
  readonly undo?: string | undefined;
  readonly json?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
}

/** Shows a plan, asks, applies and verifies it, and keeps what undoes it. `true`: the directory is as planned now. */
export async function carryOut(plan: Plan, directory: OpenDirectory, options: FixOptions): Promise<boolean> {
  if (options.json !== true) console.log(planText(plan, style));
  if (plan.diffs.length === 0) {
    if (options.json === true) console.log(JSON.stringify(planJson(plan)));
    return plan.complete;
  }
  if (directory.ldap === undefined || options.dryRun === true) {
    if (options.json === true) console.log(JSON.stringify(planJson(plan)));
    else console.log(commandsText(plan, directory));
    return false;
  }
  if (options.yes !== true && !(await confirmed())) {
    console.log("Nothing was changed.");
    return false;
  }
  const undoFile = options.undo ?? `waybill-undo-${new Date().toISOString().replace(/[:.]/g, "-")}.ldif`;
  if (existsSync(undoFile)) throw wouldOverwrite(undoFile);
  try {
    // What undoes a step is on disk before the step is made.
    const result = await applyPlan(directory.ldap, plan, { onStep: ({ undo }) => keep(undoFile, undo) });
    keep(undoFile, result.undo);
    if (options.json === true) {
      console.log(
        JSON.stringify({
          ...planJson(plan),
          applied: result.applied.length,
          verified: result.verified,
          server: result.server,
          undo: undoFile,
        }),
      );
    } else {
      const read = result.verified
        ? style.good("read back and found as planned")
        : style.bad("read back and found otherwise");
      console.log(
        `\n${result.applied.length} attributes changed on ${result.server ?? "the server"}, ${read}.`,
      );
      console.log(`To take it back: ldapmodify -f ${undoFile}`);
      for (const hint of afterHints(result.server)) console.log(style.faint(hint));
    }
    return result.verified;
  } catch (error) {
    keepOnlyWhatWasDone(undoFile, error);
    if (error instanceof WaybillError && error.code === "PLAN_NOT_PERMITTED" && options.json !== true)
      console.log(commandsText(plan, directory));
    throw error;
  }
}

/** The step that failed needs no undoing: where it was the first, there is nothing to undo at all. */
function keepOnlyWhatWasDone(undoFile: string, error: unknown): void {
  // After a broken connection nobody knows whether the last step was made: then its undoing stays.
  if (!(error instanceof DoctorError)) return;
  const { undo } = error.facts;
  if (error.code === "PLAN_APPLIED_IN_PART" && !(error.cause instanceof DoctorError)) return;
  if (typeof undo === "string") keep(undoFile, undo);
  else rmSync(undoFile, { force: true });
}

function commandsText({ diffs }: Plan, { directory }: OpenDirectory): string {
  const nameOf = (sid: string): string =>
    directory.bySid(sid)?.samAccountName ?? directory.groupBySid(sid)?.samAccountName ?? sid;
  const commands = diffs.map((diff) => commandsOf(diff, nameOf));
  const section = (title: string, lines: readonly string[]): string =>
    [style.strong(title), ...lines.map((line) => printable(`  ${line}`))].join("\n");
  return [
    "\nFor somebody who has the right:",
    section(
      "PowerShell",
      commands.flatMap(({ powershell }) => powershell),
    ),
    section(
      "samba-tool",
      commands.flatMap(({ sambaTool }) => sambaTool),
    ),
    section("LDIF (ldapmodify, ldifde -i)", ldifOf(diffs).trimEnd().split("\n")),
  ].join("\n");
}

async function confirmed(): Promise<boolean> {
  if (!process.stdin.isTTY) {
    throw new WaybillError("changing the directory needs your consent, and there is no terminal to ask on", {
      code: "CONSENT_NEEDED",
      family: "caller",
      remedy: "Look at the plan with --what-if, then add --yes.",
    });
  }
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(es)?$/i.test((await terminal.question("\nMake these changes? [y/N] ")).trim());
  } finally {
    terminal.close();
  }
}

function wouldOverwrite(file: string): WaybillError {
  return new WaybillError(`${file} is there already, and may be what takes an earlier change back`, {
    code: "UNDO_FILE_EXISTS",
    family: "caller",
    facts: { file },
    remedy: "Name another file by --undo, or move that one away.",
  });
}

function keep(file: string, text: string): void {
  writeFileSync(file, text, { mode: 0o600 });
}
