import type { SortKey } from "../controls/control-values.ts";
import { type EntryData, LdapEntry } from "../entry.ts";
import { compareValues } from "../filter/match-value.ts";
import type { AttributeSyntax } from "../filter/syntax.ts";

/** Sorts in place, RFC 2891 section 2: an entry without the attribute comes last, after a descending order first. */
export function sortEntries(
  entries: EntryData[],
  keys: readonly SortKey[],
  syntaxOf: (attributeType: string) => AttributeSyntax | undefined,
): void {
  const columns = keys.map(({ attributeType, reverseOrder }) => {
    const name = attributeType.toLowerCase();
    return { name, syntax: syntaxOf(name) ?? "unicode", sign: reverseOrder ? -1 : 1 };
  });
  const rows = entries.map((entry) => {
    const attributes = new LdapEntry(entry.dn, entry.attributes);
    return { entry, values: columns.map(({ name }) => attributes.value(name)) };
  });
  rows.sort((left, right) => {
    for (const [index, { syntax, sign }] of columns.entries()) {
      const order = sign * compare(left.values[index], right.values[index], syntax);
      if (order !== 0) return order;
    }
    return 0;
  });
  rows.forEach(({ entry }, index) => {
    entries[index] = entry;
  });
}

function compare(
  left: Uint8Array | undefined,
  right: Uint8Array | undefined,
  syntax: AttributeSyntax,
): number {
  if (left === undefined || right === undefined) {
    return left === right ? 0 : left === undefined ? 1 : -1;
  }
  return compareValues(left, right, syntax) ?? compareValues(left, right, "unicode") ?? 0;
}
