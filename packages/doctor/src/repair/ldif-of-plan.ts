import { utf8 } from "@waybill/base";
import { writeLdif } from "@waybill/directory";
import type { AttributeDiff, DiffValue } from "./attribute-diff.ts";

export interface ValueChange {
  readonly operation: "add" | "delete";
  readonly type: string;
  readonly values: readonly Uint8Array[];
}

/**
 * A diff as deletions of the very values that were read and additions of new ones, so that a server refuses it when
 * somebody changed them in the meantime.
 */
export function changesOf(diff: AttributeDiff): ValueChange[] {
  const single = diff.before.length <= 1 && diff.after.length <= 1;
  const before = single ? diff.before : diff.before.filter((value) => !contains(diff.after, value));
  const after = single ? diff.after : diff.after.filter((value) => !contains(diff.before, value));
  const { attribute: type } = diff;
  return [
    ...(before.length === 0 ? [] : [{ operation: "delete" as const, type, values: before.map(octets) }]),
    ...(after.length === 0 ? [] : [{ operation: "add" as const, type, values: after.map(octets) }]),
  ];
}

/** The plan as LDIF change records, for `ldapmodify` or `ldifde`. */
export function ldifOf(diffs: readonly AttributeDiff[]): string {
  const records = [...groupByDn(diffs)].map(([dn, group]) => ({
    kind: "modify" as const,
    dn,
    changes: group.flatMap(changesOf),
  }));
  return [...writeLdif(records)].join("");
}

/** The same changes backwards. */
export function inverse(diff: AttributeDiff): AttributeDiff {
  return {
    ...diff,
    before: diff.after,
    after: diff.before,
    lines: diff.lines.map((line) => (line.startsWith("+") ? `-${line.slice(1)}` : `+${line.slice(1)}`)),
    opens: [],
  };
}

export function groupByDn(diffs: readonly AttributeDiff[]): Map<string, AttributeDiff[]> {
  const groups = new Map<string, AttributeDiff[]>();
  for (const diff of diffs) groups.set(diff.dn, [...(groups.get(diff.dn) ?? []), diff]);
  return groups;
}

/** Changes as a plan is carried out: object by object. */
export function inOrderOfWriting(diffs: readonly AttributeDiff[]): readonly AttributeDiff[] {
  return [...groupByDn(diffs).values()].flat();
}

export function octets(value: DiffValue): Uint8Array {
  return typeof value === "string" ? utf8(value) : value;
}

function contains(values: readonly DiffValue[], wanted: DiffValue): boolean {
  return values.some((value) =>
    typeof value === "string" && typeof wanted === "string"
      ? value.toLowerCase() === wanted.toLowerCase()
      : Buffer.compare(octets(value), octets(wanted)) === 0,
  );
}
