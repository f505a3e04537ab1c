import type { Outcome, Prediction } from "../../prediction/story.ts";
import type { MatrixTable } from "./html-report.ts";

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
  for (let source = 0; source < matrix.sources.length; source++) {
    for (let destination = 0; destination < matrix.destinations.length; destination++) {
      const seen = new Set<Outcome>();
      for (let person = 0; person < matrix.people.length && seen.size < order.length; person++) {
        const outcome = matrix.outcome(person, source, destination);
        if (outcome === undefined) break;
        if (seen.has(outcome)) continue;
        seen.add(outcome);
        cells.push({ at: [person, source, destination], rank: order.indexOf(outcome) });
      }
    }
  }
  return cells
    .sort((left, right) => left.rank - right.rank)
    .slice(0, most)
    .map(({ at }) => tell(...at));
}
