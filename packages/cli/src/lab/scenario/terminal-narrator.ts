import type { AppliedPlan, Plan, Prediction } from "@waybill/doctor";
import type { JobProgress } from "@waybill/hyperv";
import { formatProgress } from "../../output/progress.ts";
import { style } from "../../output/style.ts";
import { formatBytes, formatDuration } from "../../output/table.ts";
import type { MoveOutcome } from "./lab-move.ts";
import { labMachine } from "./lab-move.ts";
import type { Narrator } from "./run-scenario.ts";
import type { Route, Scenario } from "./scenario.ts";

/** Tells a scenario in the terminal, as it happens. */
export class TerminalNarrator implements Narrator {
  readonly #write: (line: string) => void;

  constructor(write: (line: string) => void = console.log) {
    this.#write = write;
  }

  title({ name, title, about }: Scenario): void {
    this.#write(`\n${style.title(`${name}: ${title}`)}`);
    this.#write(style.faint(indent(about.trim())));
  }

  say(text: string): void {
    this.#write(`\n${text}`);
  }

  changed(what: string): void {
    this.#write(style.faint(`· ${what}`));
  }

  moving({ as, from, to, via, "at-source": atSource }: Route): void {
    const how = via !== undefined ? `   (through ${via})` : atSource ? " --forward" : "";
    this.#write(`\n${style.strong(`${as}$`)} waybill move ${labMachine} --from ${from} --to ${to}${how}`);
  }

  progress(progress: JobProgress): void {
    if (process.stderr.isTTY === true) process.stderr.write(`\r\x1b[K  ${formatProgress(progress)}`);
  }

  moved({ from, to }: Route, outcome: MoveOutcome): void {
    if (process.stderr.isTTY === true) process.stderr.write("\r\x1b[K");
    for (const line of outcome.explanation) this.#write(style.faint(`    ${line}`));
    const gap = formatDuration(outcome.guest.heartbeat.largestGap);
    if (!outcome.moved) {
      for (const line of (outcome.message ?? "").split("\n")) this.#write(style.bad(`  ${line}`));
      if (outcome.remedy !== undefined) this.#write(`  ${style.strong("What to do:")} ${outcome.remedy}`);
      this.#write(style.faint(`  ${labMachine} on ${from} never noticed: its longest pause was ${gap}.`));
      return;
    }
    const { migration } = outcome.progress ?? {};
    this.#write(`  ${style.good(`${labMachine} runs on ${to}.`)} Asked by ${outcome.job?.owner ?? "?"}.`);
    this.#write(
      `  ${formatDuration(outcome.job?.elapsed ?? 0)} in all; the guest stood still for ${gap} by its own heartbeat; ` +
        `${formatBytes(migration?.memoryTransferred ?? 0)} of memory in ${migration?.pass ?? 0} passes.`,
    );
  }

  diagnosed({ as, from, to, via }: Route, prediction: Prediction): void {
    const through = via === undefined ? "" : ` --via ${via}`;
    this.#write(
      `\n${style.strong("admin$")} waybill doctor --person ${as} --from ${from} --to ${to}${through}`,
    );
    for (const { kind, by, client, service, decision, flags, errorCode } of prediction.exchanges) {
      const forwardable = flags.includes("forwardable")
        ? ", forwardable"
        : kind === "s4u2self"
          ? ", not forwardable"
          : "";
      const answer = decision === "granted" ? `granted${forwardable}` : `refused (${errorCode ?? ""})`;
      this.#write(style.faint(`    ${kind}: ${by} asks for ${service} in the name of ${client}: ${answer}`));
    }
    this.#write(`  ${prediction.works ? style.good(prediction.sentence) : style.warn(prediction.sentence)}`);
  }

  repaired({ diffs, exposureBefore, exposureAfter }: Plan, applied: AppliedPlan): void {
    this.#write(`\n${style.strong("admin$")} waybill doctor --fix`);
    for (const { dn, attribute, before, after, opens } of diffs) {
      this.#write(`    ${dn}\n      ${attribute}: ${show(before)} → ${style.strong(show(after))}`);
      for (const consequence of opens ?? []) this.#write(style.faint(`      opens: ${consequence}`));
    }
    const { impersonators: before, delegable, people } = exposureBefore;
    const { impersonators: after } = exposureAfter;
    const who = `for ${delegable} of ${people} people`;
    this.#write(
      style.faint(
        `    accounts that can act for people who are not there: ${before} before, ${after} after (${who})`,
      ),
    );
    this.#write(
      applied.verified
        ? style.good("  Written over LDAP, read back and found as planned.")
        : style.bad("  Not found as planned."),
    );
  }

  failed(problem: string): void {
    this.#write(style.bad(`  NOT AS EXPECTED: ${problem}`));
  }
}

function indent(text: string): string {
  return text
    .split("\n")
    .map((line) => `  ${line}`)
    .join("\n");
}

function show(values: readonly (string | Uint8Array)[]): string {
  const texts = values.map((value) => (typeof value === "string" ? value : `${value.length} bytes`));
  return texts.length === 0 ? "(nothing)" : texts.length > 2 ? `${texts.length} values` : texts.join(", ");
}
