import type { Account } from "@waybill/directory";
import type { PredictionMatrix } from "../../prediction/matrix.ts";
import { guarded, type Palette, plainPalette, printable } from "./palette.ts";

export interface MatrixTextOptions {
  readonly palette?: Palette | undefined;
  /** Columns of the terminal; 100 unless told. */
  readonly width?: number | undefined;
}

const mostPeople = 8;

/** Who can move what where: a grid for each person, or a line for each host when there are many. */
export function matrixText(matrix: PredictionMatrix, options: MatrixTextOptions = {}): string {
  const { width = 100 } = options;
  const palette = guarded(options.palette ?? plainPalette);
  const names = matrix.destinations.map(shortName);
  const column = Math.max(4, ...names.map((name) => name.length)) + 1;
  const label = Math.max(4, ...matrix.sources.map((host) => shortName(host).length)) + 1;
  const fits = label + column * names.length <= width && matrix.people.length <= mostPeople;
  return fits ? grids(matrix, palette, column, label) : summary(matrix, palette);
}

function grids(matrix: PredictionMatrix, palette: Palette, column: number, label: number): string {
  const sections = matrix.people.map((person, index) => {
    const header = `${"".padEnd(label)}${matrix.destinations.map((host) => shortName(host).padEnd(column)).join("")}`;
    const rows = matrix.sources.map((source, row) => {
      const cells = matrix.destinations.map((_, at) => cell(matrix.outcome(index, row, at), column, palette));
      return `${shortName(source).padEnd(label)}${cells.join("")}`;
    });
    return [
      `${palette.strong(person.samAccountName)} (from the left to the top)`,
      header.trimEnd(),
      ...rows.map((row) => row.trimEnd()),
    ].join("\n");
  });
  return [
    ...sections,
    palette.faint("ok: works; name: depends on how the destination is named; no: fails"),
  ].join("\n\n");
}

function cell(outcome: ReturnType<PredictionMatrix["outcome"]>, width: number, palette: Palette): string {
  if (outcome === undefined) return "·".padEnd(width);
  if (outcome === "works") return palette.good("ok".padEnd(width));
  return outcome === "fails" ? palette.bad("no".padEnd(width)) : palette.warn("name".padEnd(width));
}

function summary(matrix: PredictionMatrix, palette: Palette): string {
  const rows = matrix.sources.map((source) => ({ source, counts: [0, 0, 0] }));
  matrix.forEach((_, source, __, code) => {
    const counts = rows[source]?.counts;
    if (counts !== undefined) counts[code] = (counts[code] ?? 0) + 1;
  });
  const label = Math.max(4, ...matrix.sources.map((host) => shortName(host).length)) + 2;
  const lines = rows.map(({ source, counts: [works = 0, depends = 0, fails = 0] }) => {
    const all = works + depends + fails;
    const share = all === 0 ? 0 : Math.round((100 * works) / all);
    const shown = `${share} %`.padStart(6);
    const colour = share === 100 ? palette.good : share === 0 ? palette.bad : palette.warn;
    return `${shortName(source).padEnd(label)}${colour(shown)}  ${works} work, ${depends} depend on the name, ${fails} fail`;
  });
  const title = `From each host, for ${matrix.people.length} people and ${matrix.destinations.length} destinations:`;
  const most = 60;
  const worst =
    lines.length > most ? lines.slice(0, most).concat(`… and ${lines.length - most} more hosts`) : lines;
  return [palette.strong(title), ...worst].join("\n");
}

function shortName({ samAccountName }: Account): string {
  return printable(samAccountName.replace(/\$$/, ""));
}
