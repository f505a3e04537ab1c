import type { Outcome, Prediction } from "../../prediction/story.ts";
import type { MatrixTable } from "./html-report.ts";

/** Beyond this, one story of each outcome at a cell is all there is room for. */
const mostCells = 10_000;

const order: readonly Outcome[] = ["fails", "depends-on-name", "works"];

/**
 * The cells worth telling in full: those that fail first, of people who fare alike only the first, and no more than a
 * page can hold.
 *
 * @param tell the story of one cell, by index: `predict` with the three accounts
 */
export function chooseStories(
  matrix: MatrixTable,
  tell: (person: number, source: number, destination: number) => Prediction,
  most = 60,
): Prediction[] {
  const cells: { readonly at: readonly [number, number, number]; readonly rank: number }[] = [];
  const differing = whoFareDifferently(matrix);
  for (let source = 0; source < matrix.sources.length; source++) {
    for (let destination = 0; destination < matrix.destinations.length; destination++) {
      const seen = new Set<Outcome>();
      for (let person = 0; person < matrix.people.length; person++) {
        const outcome = matrix.outcome(person, source, destination);
        if (outcome === undefined) break;
        const rank = order.indexOf(outcome);
        if (!seen.has(outcome)) cells.push({ at: [person, source, destination], rank });
        // Where there is room: others may fail here for another reason.
        else if (differing.has(person))
          cells.push({ at: [person, source, destination], rank: rank + order.length });
        seen.add(outcome);
      }
    }
  }
  return cells
    .sort((left, right) => left.rank - right.rank)
    .slice(0, most)
    .map(({ at }) => tell(...at));
}

/** Of people for whom everything is alike, the first; few of many people are looked at. */
function whoFareDifferently(matrix: MatrixTable): ReadonlySet<number> {
  const first = new Map<string, number>();
  if (matrix.people.length * matrix.sources.length * matrix.destinations.length > mostCells) return new Set();
  for (let person = 0; person < matrix.people.length; person++) {
    const key = matrix.sources
      .flatMap((_, source) =>
        matrix.destinations.map((__, destination) => matrix.outcome(person, source, destination)),
      )
      .join();
    if (!first.has(key)) first.set(key, person);
  }
  return new Set(first.values());
}
