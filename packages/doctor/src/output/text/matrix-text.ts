import type { Account } from "@waybill/directory";
import { enumerate } from "../../findings/examination.ts";
import type { PredictionMatrix } from "../../prediction/matrix.ts";
import { type GuardedPalette, guarded, type Palette, plainPalette, printable } from "./palette.ts";

export interface MatrixTextOptions {
  readonly palette?: Palette | undefined;
  /** Columns of the terminal; 100 unless told. */
  readonly width?: number | undefined;
}

const mostLines = 40;
/** Lines of a summary. */
const mostRows = 15;

interface Grid {
  /** People who fare alike everywhere. */
  readonly people: Account[];
  /** Any of them. */
  readonly person: number;
}

/** Who can move what where: a grid for those who fare alike, or a line for hosts that do when there are many. */
export function matrixText(matrix: PredictionMatrix, options: MatrixTextOptions = {}): string {
  const { width = 100 } = options;
  const palette = guarded(options.palette ?? plainPalette);
  const names = matrix.destinations.map(shortName);
  const column = Math.max(4, ...names.map((name) => name.length)) + 1;
  const label = Math.max(4, ...matrix.sources.map((host) => shortName(host).length)) + 1;
  const lines = matrix.sources.length + 3;
  if (label + column * names.length > width || lines > mostLines) return summary(matrix, palette);
  const grids = alike(matrix);
  return grids.length * lines > mostLines
    ? summary(matrix, palette)
    : gridsText(matrix, grids, palette, column, label);
}

function alike(matrix: PredictionMatrix): Grid[] {
  const grids = new Map<string, Grid>();
  for (const [person, account] of matrix.people.entries()) {
    const key = matrix.sources
      .flatMap((_, row) => matrix.destinations.map((__, at) => matrix.code(person, row, at)))
      .join();
    const known = grids.get(key);
    if (known === undefined) grids.set(key, { people: [account], person });
    else known.people.push(account);
  }
  return [...grids.values()];
}

function gridsText(
  matrix: PredictionMatrix,
  grids: readonly Grid[],
  palette: GuardedPalette,
  column: number,
  label: number,
): string {
  const sections = grids.map(({ people, person }) => {
    const header = `${"".padEnd(label)}${matrix.destinations.map((host) => shortName(host).padEnd(column)).join("")}`;
    const rows = matrix.sources.map((source, row) => {
      const cells = matrix.destinations.map((_, at) =>
        cell(matrix.outcome(person, row, at), column, palette),
      );
      return `${shortName(source).padEnd(label)}${cells.join("")}`;
    });
    const names = enumerate(people.map(({ samAccountName }) => samAccountName));
    return [
      palette.wrapped(`${palette.strong(names)} (from the left to the top)`),
      header.trimEnd(),
      ...rows.map((row) => row.trimEnd()),
    ].join("\n");
  });
  return [
    ...sections,
    palette.wrapped(palette.faint("ok: works; name: depends on how the destination is named; no: fails")),
  ].join("\n\n");
}

function cell(outcome: ReturnType<PredictionMatrix["outcome"]>, width: number, palette: Palette): string {
  if (outcome === undefined) return "·".padEnd(width);
  if (outcome === "works") return palette.good("ok".padEnd(width));
  return outcome === "fails" ? palette.bad("no".padEnd(width)) : palette.warn("name".padEnd(width));
}

function summary(matrix: PredictionMatrix, palette: GuardedPalette): string {
  const rows = matrix.sources.map((source) => ({ source, counts: [0, 0, 0] }));
  matrix.forEach((_, source, __, code) => {
    const counts = rows[source]?.counts;
    if (counts !== undefined) counts[code] = (counts[code] ?? 0) + 1;
  });
  const groups = new Map<string, { readonly hosts: string[]; readonly counts: readonly number[] }>();
  for (const { source, counts } of rows) {
    const key = counts.join();
    const known = groups.get(key);
    if (known === undefined) groups.set(key, { hosts: [shortName(source)], counts });
    else known.hosts.push(shortName(source));
  }
  const share = ([works = 0, depends = 0, fails = 0]: readonly number[]): number =>
    works + depends + fails === 0 ? 0 : works / (works + depends + fails);
  const lines = [...groups.values()]
    .sort((left, right) => share(left.counts) - share(right.counts))
    .map(({ hosts, counts }) => {
      const [works = 0, depends = 0, fails = 0] = counts;
      const percent = Math.floor(100 * share(counts));
      const colour = percent === 100 ? palette.good : percent === 0 ? palette.bad : palette.warn;
      const each = hosts.length === 1 ? "" : " each";
      const line = `${colour(`${percent} %`.padStart(6))}  ${enumerate(hosts)}: ${works} work, ${depends} depend on the name, ${fails} fail${each}`;
      return palette.wrapped(line, 8 - (6 - `${percent} %`.length));
    });
  const title = `From each host, for ${matrix.people.length} ${matrix.people.length === 1 ? "person" : "people"} and ${matrix.destinations.length} destinations, the worst first:`;
  const shown =
    lines.length > mostRows
      ? [...lines.slice(0, mostRows), `        … and ${lines.length - mostRows} more such groups of hosts`]
      : lines;
  return [palette.wrapped(palette.strong(title)), ...shown].join("\n");
}

function shortName({ samAccountName }: Account): string {
  return printable(samAccountName.replace(/\$$/, ""));
}
