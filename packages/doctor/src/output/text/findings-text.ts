import { findingKinds } from "../../findings/catalogue.ts";
import type { Finding, Severity } from "../../findings/finding.ts";
import type { Remedy } from "../../repair/remedy.ts";
import { guarded, type Palette, plainPalette, printable } from "./palette.ts";

export interface FindingsTextOptions {
  readonly palette?: Palette | undefined;
  /** Remedies of each finding that are told in full; all unless told. */
  readonly remedies?: number | undefined;
}

/** Findings for a terminal: cause, effect, evidence, and each remedy with the commands that carry it out. */
export function findingsText(findings: readonly Finding[], options: FindingsTextOptions = {}): string {
  const { palette = plainPalette, remedies = 9 } = options;
  return findings.map((finding) => findingText(finding, guarded(palette), remedies)).join("\n\n");
}

function findingText(finding: Finding, palette: Palette, remedies: number): string {
  const { id, severity, cause, effect, evidence, docs } = finding;
  const lines = [
    `${labelOf(severity, palette)} ${palette.strong(findingKinds[id].title)} ${palette.faint(`[${id}]`)}`,
    printable(`  ${cause}`),
    printable(`  ${effect}`),
    ...evidence
      .filter(({ attribute }) => attribute !== "")
      .slice(0, 4)
      .map(({ object, attribute, value, readFrom }) =>
        palette.faint(
          `    ${object}: ${attribute} = ${value}${readFrom === undefined ? "" : ` (${readFrom})`}`,
        ),
      ),
    ...finding.remedies.slice(0, remedies).flatMap((remedy, index) => remedyLines(remedy, index, palette)),
    palette.faint(`  See ${docs}`),
  ];
  return lines.join("\n");
}

function remedyLines(remedy: Remedy, index: number, palette: Palette): string[] {
  const { summary, opens, powershell, sambaTool, ldif, automatic } = remedy;
  const commands = (title: string, list: readonly string[], most = 6): string[] =>
    list.length === 0
      ? []
      : [
          palette.faint(`      ${title}:`),
          ...list.slice(0, most).map((command) => printable(`        ${command}`)),
          ...(list.length > most ? [`        … and ${list.length - most} more, see --json`] : []),
        ];
  return [
    `  ${palette.good(`${index + 1}. ${summary}`)}${automatic ? palette.faint(" (--fix does this)") : ""}`,
    ...opens.map((sentence) => palette.warn(`      opens: ${sentence}`)),
    ...commands("PowerShell", powershell),
    ...commands("samba-tool", sambaTool),
    ...(ldif === "" ? [] : commands("LDIF", ldif.trimEnd().split("\n").slice(2), 14)),
  ];
}

function labelOf(severity: Severity, palette: Palette): string {
  const label = severity.toUpperCase().padEnd(8);
  if (severity === "critical" || severity === "error") return palette.bad(label);
  return severity === "warning" ? palette.warn(label) : palette.faint(label);
}
