import { stripVTControlCharacters } from "node:util";
import { type AppliedPlan, type Plan, type Prediction, storyText } from "@waybill/doctor";
import type { AuditRecord, JobProgress } from "@waybill/hyperv";
import { formatAudit, hostLabel } from "../../output/audit-table.ts";
import { LiveLine } from "../../output/live-line.ts";
import { formatProgress } from "../../output/progress.ts";
import { style } from "../../output/style.ts";
import { formatBytes, formatDuration } from "../../output/table.ts";
import { textWidth, wrapText } from "../../output/wrap-text.ts";
import type { MoveOutcome } from "./lab-move.ts";
import { labMachine } from "./lab-move.ts";
import type { Narrator } from "./run-scenario.ts";
import type { Route, Scenario } from "./scenario.ts";

/** Tells a scenario in the terminal, as it happens. */
export class TerminalNarrator implements Narrator {
  readonly #write: (line: string) => void;
  readonly #foot = new LiveLine();
  /** What is told in full the first time only, in each scenario. */
  readonly #told = { refusal: false, diagnosis: false };

  constructor(write: (line: string) => void = console.log) {
    this.#write = write;
  }

  title({ name, title, about }: Scenario): void {
    this.#write(`\n${style.title(`${name}: ${title}`)}`);
    this.#lines(about.trim().replace(/\s+/g, " "), "  ", style.faint, 0);
    Object.assign(this.#told, { refusal: false, diagnosis: false });
  }

  say(text: string): void {
    this.#write("");
    this.#lines(text, "", style.strong, 0);
  }

  changed(what: string): void {
    this.#lines(`· ${what}`, "", style.faint);
  }

  moving({ as, from, to, via, "at-source": atSource }: Route): void {
    const how = via !== undefined ? `   (through ${via})` : atSource ? " --forward" : "";
    this.#command(as, `move ${labMachine} --from ${from} --to ${to}${how}`);
  }

  progress(progress: JobProgress): void {
    this.#foot.show(`  ${formatProgress(progress)}`);
  }

  moved({ from, to }: Route, outcome: MoveOutcome): void {
    this.#foot.clear();
    for (const line of outcome.explanation) this.#lines(line, "    ", style.faint);
    const gap = formatDuration(outcome.guest.heartbeat.largestGap);
    if (!outcome.moved) {
      this.#refused(outcome);
      this.#write(style.faint(`  ${labMachine} on ${from} never noticed: its longest pause was ${gap}.`));
      return;
    }
    const { migration } = outcome.progress ?? {};
    this.#write(`  ${style.good(`${labMachine} runs on ${to}.`)} Asked by ${outcome.job?.owner ?? "?"}.`);
    this.#lines(
      `${formatDuration(outcome.job?.elapsed ?? 0)} in all; the guest stood still for ${gap} by its own heartbeat; ` +
        `${formatBytes(migration?.memoryTransferred ?? 0)} of memory in ${migration?.pass ?? 0} passes.`,
      "  ",
    );
  }

  recorded(records: readonly AuditRecord[]): void {
    const hosts = [...new Set(records.map(({ host }) => hostLabel(host)))].toSorted().join(" ");
    this.#command("admin", `audit --host ${hosts} --limit ${records.length}`);
    for (const line of formatAudit(records).split("\n")) this.#write(`  ${line}`);
  }

  diagnosed({ as, from, to, via }: Route, prediction: Prediction): void {
    const through = via === undefined ? "" : ` --via ${via}`;
    this.#command("admin", `doctor --person ${as} --from ${from} --to ${to}${through}`);
    const [verdict = "", ...exchanges] = storyText(prediction, { ...style, wrapped: undefined }).split("\n");
    for (const line of this.#told.diagnosis ? [] : exchanges) {
      const indent = /^ */.exec(stripVTControlCharacters(line))?.[0].length ?? 0;
      // Colour may begin before the indentation does.
      const text = line.replace(" ".repeat(indent), "");
      if (indent > 4) this.#lines(text, " ".repeat(13), undefined, 0);
      else this.#lines(text, "    ", undefined, 9);
    }
    this.#told.diagnosis = true;
    this.#lines(verdict, "  ");
  }

  planned({ as, from, to }: Route, { diffs, exposureBefore, exposureAfter }: Plan): void {
    this.#command("admin", `doctor --person ${as} --from ${from} --to ${to} --fix`);
    for (const { dn, attribute, before, after, opens } of diffs) {
      this.#write(`    ${dn}\n      ${attribute}: ${show(before)} → ${style.strong(show(after))}`);
      for (const consequence of opens ?? []) this.#lines(`opens: ${consequence}`, "      ", style.faint);
    }
    const { impersonators: before, delegable, people } = exposureBefore;
    const { impersonators: after } = exposureAfter;
    const who = `for ${delegable} of ${people} people`;
    this.#lines(
      `accounts that can act for people who are not there: ${before} before, ${after} after (${who})`,
      "    ",
      style.faint,
    );
  }

  repaired(applied: AppliedPlan): void {
    this.#write(
      applied.verified
        ? style.good("  Written over LDAP, read back and found as planned.")
        : style.bad("  Not found as planned."),
    );
  }

  failed(problem: string): void {
    this.#write(style.bad(`  NOT AS EXPECTED: ${problem}`));
  }

  /** In full the first time; later only the code and what the host knows about the cause. */
  #refused({ message = "", remedy }: MoveOutcome): void {
    const [first = "", ...rest] = message.split("\n");
    this.#lines(first, "  ", style.bad);
    const causes = rest.filter((line) => /^ *\d+\. /.test(line));
    for (const line of this.#told.refusal ? causes : rest) this.#lines(line.trim(), "  ", style.bad);
    if (remedy !== undefined && !this.#told.refusal)
      this.#lines(`${style.strong("What to do:")} ${remedy}`, "  ");
    this.#told.refusal = true;
  }

  #command(person: string, words: string): void {
    this.#write(`\n${style.strong(`${person}$`)} waybill ${words}`);
  }

  /** A paragraph as wide as the terminal, further lines indented a little more. */
  #lines(text: string, indent: string, paint = (line: string): string => line, hanging = 2): void {
    for (const line of wrapText(text, indent, textWidth(), hanging)) this.#write(paint(line));
  }
}

function show(values: readonly (string | Uint8Array)[]): string {
  const texts = values.map((value) => (typeof value === "string" ? value : `${value.length} bytes`));
  return texts.length === 0 ? "(nothing)" : texts.length > 2 ? `${texts.length} values` : texts.join(", ");
}
