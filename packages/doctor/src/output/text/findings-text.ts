import { type FindingId, findingKinds } from "../../findings/catalogue.ts";
import { enumerate } from "../../findings/examination.ts";
import type { Finding, Severity } from "../../findings/finding.ts";
import type { Remedy } from "../../repair/remedy.ts";
import { type GuardedPalette, guarded, type Palette, plainPalette, printable } from "./palette.ts";

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

/** The same on a screen: each kind of finding once, with its first case and of whom else it holds. */
export function findingsDigest(findings: readonly Finding[], options: FindingsTextOptions = {}): string {
  const palette = guarded(options.palette ?? plainPalette);
  const kinds = new Map<string, [Finding, ...Finding[]]>();
  for (const finding of findings) {
    const key = `${finding.severity} ${finding.id}`;
    const known = kinds.get(key);
    if (known === undefined) kinds.set(key, [finding]);
    else known.push(finding);
  }
  return [...kinds.values()].map((cases) => digestOf(cases, palette)).join("\n");
}

function digestOf([first, ...others]: readonly [Finding, ...Finding[]], palette: GuardedPalette): string {
  const { id, severity, cause, remedies } = first;
  const count = others.length === 0 ? "" : ` × ${others.length + 1}`;
  const [remedy] = remedies;
  const also = [...new Set(others.flatMap(accountOf))];
  return [
    titleOf(severity, id, palette, count),
    palette.wrapped(printable(`  ${cause}`), 0),
    ...(also.length === 0 ? [] : [palette.wrapped(palette.faint(`  Likewise ${enumerate(also, 8)}.`), 0)]),
    ...(remedy === undefined ? [] : [palette.wrapped(palette.good(`  ${remedy.summary}`), 0)]),
  ].join("\n");
}

function accountOf({ evidence }: Finding): string[] {
  const [fact] = evidence;
  return fact === undefined || fact.account === "" ? [] : [fact.account];
}

function findingText(finding: Finding, palette: GuardedPalette, remedies: number): string {
  const { id, severity, cause, effect, evidence, docs } = finding;
  const lines = [
    titleOf(severity, id, palette),
    palette.wrapped(printable(`  ${cause}`), 0),
    palette.wrapped(printable(`  ${effect}`), 0),
    ...evidence
      .filter(({ attribute }) => attribute !== "")
      .slice(0, 4)
      .map(({ object, attribute, value, readFrom }) =>
        palette.wrapped(
          palette.faint(
            `    ${object}: ${attribute} = ${value}${readFrom === undefined ? "" : ` (${readFrom})`}`,
          ),
        ),
      ),
    ...finding.remedies.slice(0, remedies).flatMap((remedy, index) => remedyLines(remedy, index, palette)),
    palette.faint(`  See ${docs}`),
  ];
  return lines.join("\n");
}

function remedyLines(remedy: Remedy, index: number, palette: GuardedPalette): string[] {
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
    palette.wrapped(
      `  ${palette.good(`${index + 1}. ${summary}`)}${automatic ? palette.faint(" (--fix does this)") : ""}`,
    ),
    ...opens.map((sentence) => palette.wrapped(palette.warn(`      opens: ${sentence}`))),
    ...commands("PowerShell", powershell),
    ...commands("samba-tool", sambaTool),
    ...(ldif === "" ? [] : commands("LDIF", ldif.trimEnd().split("\n").slice(2), 14)),
  ];
}

/** `ERROR    Its title [its-id]`. */
function titleOf(severity: Severity, id: FindingId, palette: GuardedPalette, count = ""): string {
  const title = `${palette.strong(findingKinds[id].title)}${count} ${palette.faint(`[${id}]`)}`;
  return palette.wrapped(`${labelOf(severity, palette)} ${title}`, labelWidth + 1);
}

const labelWidth = 8;

function labelOf(severity: Severity, palette: Palette): string {
  const label = severity.toUpperCase().padEnd(labelWidth);
  if (severity === "critical" || severity === "error") return palette.bad(label);
  return severity === "warning" ? palette.warn(label) : palette.faint(label);
}
