import type { Outcome } from "../../prediction/story.ts";
import { type Html, html } from "./html.ts";
import type { HtmlReport, MatrixTable } from "./html-report.ts";
import type { OutcomeCounts } from "./summary-section.ts";
import { bar, outcomeSigns, outcomeWords, plain, startWords, storyId } from "./words.ts";

/** Larger than this, a matrix is summed up by host. */
const most = { hosts: 24, groups: 8 };

interface Grid {
  /** People for whom every cell is the same. */
  readonly people: number[];
  readonly cells: readonly (Outcome | undefined)[];
}

export function matrixSection(report: HtmlReport, total: OutcomeCounts): Html {
  const { matrix } = report;
  const small = matrix.sources.length <= most.hosts && matrix.destinations.length <= most.hosts;
  const title = html`<h2 id="moves">Who can move from where to where</h2>
<p class="lead">Started ${startWords[report.start ?? "remote"]}.${small ? " Rows are sources, columns are destinations." : ""}
<span class="legend"><i class="works">✓</i> works <i class="depends-on-name">≈</i> depends on the name <i class="fails">✕</i> fails</span></p>`;
  if (matrix.people.length === 0 || matrix.sources.length === 0) return html``;
  const grids = small ? groupPeople(matrix) : undefined;
  if (grids === undefined || grids.length > most.groups)
    return html`<section>${title}${byHost(matrix, total)}</section>`;
  const told = new Map((report.stories ?? []).map((story, index) => [cellKey(story), storyId(index)]));
  return html`<section>${title}<div class="grids">${grids.map((grid) => gridTable(matrix, grid, told))}</div></section>`;
}

/** Cells of each outcome. */
export function countOutcomes(matrix: MatrixTable): OutcomeCounts {
  const counts: OutcomeCounts = { works: 0, "depends-on-name": 0, fails: 0 };
  forEachCell(matrix, (_source, _destination, outcome) => {
    counts[outcome]++;
  });
  return counts;
}

function forEachCell(
  matrix: MatrixTable,
  visit: (source: number, destination: number, outcome: Outcome, person: number) => void,
): void {
  for (let source = 0; source < matrix.sources.length; source++) {
    for (let destination = 0; destination < matrix.destinations.length; destination++) {
      for (let person = 0; person < matrix.people.length; person++) {
        const outcome = matrix.outcome(person, source, destination);
        if (outcome === undefined) break;
        visit(source, destination, outcome, person);
      }
    }
  }
}

function groupPeople(matrix: MatrixTable): Grid[] {
  const groups = new Map<string, Grid>();
  for (let person = 0; person < matrix.people.length; person++) {
    const cells = matrix.sources.flatMap((_, source) =>
      matrix.destinations.map((__, destination) => matrix.outcome(person, source, destination)),
    );
    const key = cells.join();
    const known = groups.get(key);
    if (known === undefined) groups.set(key, { people: [person], cells });
    else known.people.push(person);
  }
  return [...groups.values()];
}

function gridTable(matrix: MatrixTable, { people, cells }: Grid, told: ReadonlyMap<string, string>): Html {
  const names = people.map((person) => matrix.people[person]?.samAccountName ?? "");
  const shown = names.length > 12 ? [...names.slice(0, 12), `and ${names.length - 12} more`] : names;
  return html`<div class="grid"><table class="matrix"><caption>${shown.join(", ")}</caption>
<thead><tr><th class="corner" scope="col"><span>from</span><span>to</span></th>${matrix.destinations.map(
    ({ samAccountName }) => html`<th scope="col"><span>${plain(samAccountName)}</span></th>`,
  )}</tr></thead><tbody>${matrix.sources.map(
    (source, row) =>
      html`<tr><th scope="row">${plain(source.samAccountName)}</th>${matrix.destinations.map(
        (destination, column) => {
          const outcome = cells[row * matrix.destinations.length + column];
          if (outcome === undefined) return html`<td class="same"></td>`;
          const label = `${plain(source.samAccountName)} to ${plain(destination.samAccountName)}: ${outcomeWords[outcome]}`;
          const id = names
            .map((person) =>
              told.get(
                cellKey({ person, source: source.samAccountName, destination: destination.samAccountName }),
              ),
            )
            .find((found) => found !== undefined);
          const sign = html`<span title="${label}">${outcomeSigns[outcome]}</span>`;
          return html`<td class="${outcome}">${id === undefined ? sign : html`<a href="#${id}">${sign}</a>`}</td>`;
        },
      )}</tr>`,
  )}</tbody></table></div>`;
}

function byHost(matrix: MatrixTable, total: OutcomeCounts): Html {
  const empty = (): OutcomeCounts => ({ works: 0, "depends-on-name": 0, fails: 0 });
  const hosts = new Map<string, { from: OutcomeCounts; to: OutcomeCounts }>();
  const rowOf = (name: string): { from: OutcomeCounts; to: OutcomeCounts } => {
    const row = hosts.get(name) ?? { from: empty(), to: empty() };
    hosts.set(name, row);
    return row;
  };
  forEachCell(matrix, (source, destination, outcome) => {
    rowOf(matrix.sources[source]?.samAccountName ?? "").from[outcome]++;
    rowOf(matrix.destinations[destination]?.samAccountName ?? "").to[outcome]++;
  });
  const failing = ({ from, to }: { from: OutcomeCounts; to: OutcomeCounts }): number =>
    2 * (from.fails + to.fails) + from["depends-on-name"] + to["depends-on-name"];
  const rows = [...hosts].sort(([, left], [, right]) => failing(right) - failing(left));
  const all = total.works + total["depends-on-name"] + total.fails;
  return html`<p>${hosts.size} hosts and ${matrix.people.length} people make ${all.toLocaleString("en-US")} cells: summed up by host, the worst first.</p>
<table class="hosts"><thead><tr><th scope="col">host</th><th scope="col" colspan="2">moves away</th><th scope="col" colspan="2">moves to it</th></tr></thead>
<tbody>${rows.map(
    ([name, { from, to }]) =>
      html`<tr data-filter><th scope="row">${plain(name)}</th><td>${bar(from)}</td><td class="number">${share(from)} work</td><td>${bar(to)}</td><td class="number">${share(to)} work</td></tr>`,
  )}</tbody></table>`;
}

function share(counts: OutcomeCounts): string {
  const total = counts.works + counts["depends-on-name"] + counts.fails;
  return `${counts.works.toLocaleString("en-US")} of ${total.toLocaleString("en-US")}`;
}

function cellKey(cell: {
  readonly person: string;
  readonly source: string;
  readonly destination: string;
}): string {
  return [cell.person, cell.source, cell.destination].map((name) => plain(name).toLowerCase()).join("\n");
}
