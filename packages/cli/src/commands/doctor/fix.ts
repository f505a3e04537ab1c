import { existsSync, rmSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline/promises";
import { WaybillError } from "@waybill/base";
import {
  type AttributeDiff,
  afterHints,
  applyPlan,
  DoctorError,
  inOrderOfWriting,
  type Plan,
  planJson,
  planText,
  printable,
  type WrittenChanges,
  writtenChanges,
} from "@waybill/doctor";
import { style } from "../../output/style.ts";
import { forScreen } from "../../output/wrap-text.ts";
import type { OpenDirectory } from "../../session/open-directory.ts";

export interface FixOptions {
  readonly yes?: boolean | undefined;
  readonly undo?: string | undefined;
  readonly json?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
}

/** Shows a plan, asks, applies and verifies it, and keeps what undoes it. `true`: the directory is as planned now. */
export async function carryOut(plan: Plan, directory: OpenDirectory, options: FixOptions): Promise<boolean> {
  const commands = writtenChanges(directory.directory, plan.diffs);
  if (options.json !== true) console.log(planText(plan, style));
  if (plan.diffs.length === 0) {
    if (options.json === true) console.log(JSON.stringify(planJson(plan, commands)));
    return plan.complete;
  }
  if (directory.ldap === undefined || options.dryRun === true) {
    console.log(options.json === true ? JSON.stringify(planJson(plan, commands)) : commandsText(commands));
    return false;
  }
  if (options.yes !== true && !(await confirmed(options))) {
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
          ...planJson(plan, commands),
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
      const many = result.applied.length === 1 ? "1 attribute" : `${result.applied.length} attributes`;
      console.log(`\n${many} changed on ${result.server ?? "the server"}, ${read}.`);
      console.log(`To take it back: ldapmodify -f ${undoFile}`);
      for (const hint of afterHints(result.server)) console.log(forScreen(style.faint(hint)));
    }
    return result.verified;
  } catch (error) {
    keepOnlyWhatWasDone(undoFile, error);
    const left = leftToOthers(error, plan);
    if (left.length === 0) throw error;
    const theirs = writtenChanges(directory.directory, left);
    if (options.json === true) throw new RefusedPlanError(error as WaybillError, theirs);
    console.log(commandsText(theirs));
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

/** What somebody else has to do, where the right to do it was missing. */
function leftToOthers(error: unknown, { diffs }: Plan): readonly AttributeDiff[] {
  if (!(error instanceof DoctorError)) return [];
  const refused = error.code === "PLAN_APPLIED_IN_PART" ? error.cause : error;
  if (!(refused instanceof DoctorError) || refused.code !== "PLAN_NOT_PERMITTED") return [];
  return inOrderOfWriting(diffs).slice(Number(error.facts.applied ?? 0));
}

/** A plan that the person may not carry out, with the commands for somebody who may: for `--json`. */
class RefusedPlanError extends WaybillError {
  readonly #commands: WrittenChanges;

  constructor({ message, code, family, facts, remedy, cause }: WaybillError, commands: WrittenChanges) {
    super(message, { code, family, facts, cause, ...(remedy === undefined ? {} : { remedy }) });
    this.#commands = commands;
  }

  override toJSON(): Record<string, unknown> {
    return { ...super.toJSON(), commands: this.#commands };
  }
}

function commandsText({ powershell, sambaTool, ldif }: WrittenChanges): string {
  const section = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0
      ? []
      : [[style.strong(title), ...lines.map((line) => printable(`  ${line}`))].join("\n")];
  return [
    "\nFor somebody who has the right:",
    ...section("PowerShell", powershell),
    ...section("samba-tool", sambaTool),
    ...section("LDIF (ldapmodify, ldifde -i)", ldif === "" ? [] : ldif.trimEnd().split("\n")),
  ].join("\n");
}

async function confirmed({ json }: FixOptions): Promise<boolean> {
  // A question would be no part of the document.
  if (!process.stdin.isTTY || json === true) {
    const why = json === true ? "--json asks no questions" : "there is no terminal to ask on";
    throw new WaybillError(`changing the directory needs your consent, and ${why}`, {
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
