import { readFileSync } from "node:fs";
import { WaybillError } from "@waybill/base";
import { type ExplainEntry, type Explained, explain } from "@waybill/doctor";
import type { Command } from "commander";
import { style } from "../output/style.ts";
import { forScreen } from "../output/wrap-text.ts";

interface ExplainOptions {
  readonly json?: boolean;
}

export function registerExplain(program: Command): void {
  program
    .command("explain")
    .description("what an error code, event id or message means, and what to do")
    .argument("<text...>", "a code, an event id, the pasted text of an error, or - to read standard input")
    .option("--json", "as JSON")
    // A negative number is a code here, not an option.
    .allowUnknownOption()
    .addHelpText("after", examples)
    .action((words: string[], { json }: ExplainOptions) => {
      const text = words.length === 1 && words[0] === "-" ? readFileSync(0, "utf8") : words.join(" ");
      const explained = explain(text);
      if (json) {
        console.log(JSON.stringify(explained, undefined, 2));
        return;
      }
      if (isEmpty(explained)) throw nothingKnown();
      console.log(forScreen(formatExplained(explained)));
    });
}

const examples = `
Examples:
  waybill explain 0x8009030E
  waybill explain -2146893042
  waybill explain "event 20306"
  waybill explain KDC_ERR_BADOPTION
  wevtutil qe Microsoft-Windows-Hyper-V-VMMS-Admin /f:text | waybill explain -`;

/** The most specific entry in full, then what else the text holds, one line each. */
export function formatExplained({ matches, undocumentedEvents, unknown }: Explained): string {
  const [best, ...others] = matches;
  const blocks: string[] = [];
  if (best !== undefined) blocks.push(formatEntry(best.entry));
  if (others.length > 0) {
    blocks.push(
      [
        style.strong(others.length === 1 ? "Also in it:" : "Also in it, the more telling first:"),
        ...others.map(({ entry }) => `  ${titleOf(entry)}: ${entry.meaning}`),
      ].join("\n"),
    );
  }
  for (const id of undocumentedEvents)
    blocks.push(
      `${style.strong(`Event ${id}`)} is not documented in any source we know. Explain the text of the event instead.`,
    );
  for (const { hint } of unknown) blocks.push(`${hint} Nothing more is known about it here.`);
  return blocks.join("\n\n");
}

function formatEntry(entry: ExplainEntry): string {
  const lines = [style.title(titleOf(entry)), entry.meaning];
  if (entry.log !== undefined) lines.push(style.faint(`Log: ${entry.log}`));
  if (entry.causes.length > 0) {
    lines.push("", style.strong(entry.causes.length === 1 ? "Cause:" : "Causes, the likeliest first:"));
    for (const [index, { cause, checks }] of entry.causes.entries()) {
      lines.push(`  ${entry.causes.length === 1 ? "" : `${index + 1}. `}${cause}`);
      if (checks !== undefined) lines.push(style.faint(`     waybill doctor checks: ${checks.join(", ")}`));
    }
  }
  lines.push("", `${style.strong("What to do:")} ${entry.remedy}`, style.faint(`More: ${entry.docs}`));
  return lines.join("\n");
}

/** `SEC_E_NO_CREDENTIALS (0x8009030E, -2146893042)`. */
function titleOf({ name, value, kind }: ExplainEntry): string {
  if (value === undefined || kind === "event" || kind === "wmi" || kind === "job-state") return name;
  if (kind === "kerberos") return `${name} (Kerberos error ${value})`;
  const hex = `0x${value.toString(16).toUpperCase().padStart(8, "0")}`;
  if (name === hex) return hex;
  return `${name} (${hex}${value >= 2 ** 31 ? `, ${value - 2 ** 32}` : ""})`;
}

function isEmpty({ matches, undocumentedEvents, unknown }: Explained): boolean {
  return matches.length + undocumentedEvents.length + unknown.length === 0;
}

function nothingKnown(): WaybillError {
  return new WaybillError("nothing in that text is a code, an event or a message that is known here", {
    code: "NOTHING_KNOWN",
    family: "caller",
    remedy: "Paste the whole message with its code; an event id alone is written as: event 20306.",
  });
}
