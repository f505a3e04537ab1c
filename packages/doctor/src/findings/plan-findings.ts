import type { DirectoryView } from "@waybill/directory";
import { predictionContext } from "../prediction/facts.ts";
import type { AttributeDiff } from "../repair/attribute-diff.ts";
import { delegationAttributes, descriptorDiff, flagsDiff, textDiff } from "../repair/attribute-diff.ts";
import { exposure } from "../repair/exposure.ts";
import type { Plan } from "../repair/plan.ts";
import { viewAfter } from "../repair/view-after.ts";
import type { ExamineRequest } from "./examination.ts";
import { examine } from "./examine.ts";

/** One repair can bring another finding to light; more rounds than this would not end. */
const mostRounds = 5;

/** Everything that can be repaired without asking which way: the automatic remedy of each finding that has one. */
export function planFindings(request: ExamineRequest): Plan {
  const { profile, view } = predictionContext(request.view, request);
  const changes = new Map<string, AttributeDiff>();
  let current: DirectoryView = view;
  for (let round = 0; round < mostRounds; round++) {
    const { findings } = examine({ ...request, view: current, people: request.people ?? [] });
    const taken = new Map<string, AttributeDiff>();
    for (const { remedies } of findings) {
      const remedy = remedies.find(({ automatic, diffs }) => automatic && diffs.length > 0);
      // Two remedies for one attribute were made from the same state: the second waits for the next round.
      if (remedy === undefined || remedy.diffs.some((diff) => taken.has(key(diff)))) continue;
      for (const diff of remedy.diffs) taken.set(key(diff), diff);
    }
    if (taken.size === 0) break;
    for (const [name, diff] of taken) changes.set(name, joined(view, changes.get(name), diff));
    current = viewAfter(view, [...changes.values()]);
  }
  return {
    diffs: [...changes.values()].filter(({ lines }) => lines.length > 0),
    modes: [],
    obstacles: [],
    exposureBefore: exposure(view, profile),
    exposureAfter: exposure(current, profile),
    predictions: [],
    complete: true,
  };
}

function key({ sid, attribute }: AttributeDiff): string {
  return `${sid} ${attribute}`;
}

/** From where the first began to where the second ends. */
function joined(view: DirectoryView, first: AttributeDiff | undefined, second: AttributeDiff): AttributeDiff {
  const account = view.bySid(second.sid);
  if (first === undefined || account === undefined) return second;
  const opens = [...new Set([...first.opens, ...second.opens])];
  const texts = (values: AttributeDiff["after"]): string[] =>
    values.filter((value) => typeof value === "string");
  if (second.attribute === delegationAttributes.flags)
    return flagsDiff(account, Number(texts(second.after)[0]), opens);
  if (second.attribute === delegationAttributes.resource) {
    const [after] = second.after;
    const nameOf = (sid: string): string => view.bySid(sid)?.samAccountName ?? "unknown";
    return descriptorDiff(account, typeof after === "string" ? undefined : after, nameOf, opens);
  }
  return textDiff(account, second.attribute, texts(first.before), texts(second.after), opens);
}
