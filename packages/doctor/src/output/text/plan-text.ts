import type { AttributeDiff } from "../../repair/attribute-diff.ts";
import { groupByDn } from "../../repair/ldif-of-plan.ts";
import type { Plan } from "../../repair/plan.ts";
import { guarded, type Palette, plainPalette } from "./palette.ts";

/** A plan as a diff of attributes, with what it opens and the exposure before and after in numbers. */
export function planText(plan: Plan, colours: Palette = plainPalette): string {
  const palette = guarded(colours);
  const before = plan.exposureBefore;
  const after = plan.exposureAfter;
  const exposure =
    `Accounts that can act for people who are not there: ${before.impersonators} before, ${after.impersonators} after ` +
    `(each for ${after.delegable} of ${after.people} people). Pairs open to delegation: ${before.pairs} before, ${after.pairs} after.`;
  return [
    plan.diffs.length === 0 ? "Nothing has to change." : diffsText(plan.diffs, colours),
    ...plan.obstacles.map((sentence) => palette.wrapped(palette.bad(`Cannot be planned: ${sentence}`))),
    ...(plan.diffs.length === 0 ? [] : [palette.wrapped(palette.faint(exposure), 0)]),
  ].join("\n");
}

export function diffsText(diffs: readonly AttributeDiff[], colours: Palette = plainPalette): string {
  const palette = guarded(colours);
  const lines: string[] = [];
  for (const [dn, group] of groupByDn(diffs)) {
    lines.push(palette.strong(dn));
    for (const diff of group) {
      lines.push(`  ${diff.attribute}`);
      for (const line of diff.lines)
        lines.push(line.startsWith("+") ? palette.good(`    ${line}`) : palette.bad(`    ${line}`));
      for (const sentence of diff.opens) lines.push(palette.wrapped(palette.warn(`    opens: ${sentence}`)));
    }
  }
  return lines.join("\n");
}
