import type { ExplainEntry } from "./entry.ts";
import { undocumentedEvents } from "./knowledge/events.ts";
import { knowledgeBase } from "./knowledge-base.ts";
import { type FoundNumber, indexOfFragments, namesIn, normalize, numbersIn } from "./recognize.ts";

/** Something known that was found in a text. */
export interface ExplainedMatch {
  readonly entry: ExplainEntry;
  /** By what it was found, as it stands in the text. */
  readonly seen: string;
}

/** What a text is about. */
export interface Explained {
  /** The most specific first; empty when nothing is known. */
  readonly matches: readonly ExplainedMatch[];
  /** Events that web pages mention, and of which no source tells what they mean. */
  readonly undocumentedEvents: readonly number[];
  /** Codes that are not in the knowledge base, with what their form alone tells. */
  readonly unknown: readonly { readonly seen: string; readonly hint: string }[];
}

interface Candidate extends ExplainedMatch {
  readonly score: number;
  readonly index: number;
}

/** Longer texts are cut: whatever matters stands in the first pages of a log. */
const longest = 200_000;

const byName: ReadonlyMap<string, ExplainEntry> = new Map(
  [...knowledgeBase].reverse().map((entry) => [entry.name.toLowerCase(), entry]),
);
const byValue: ReadonlyMap<number, readonly ExplainEntry[]> = groupByValue();

/**
 * Finds what is known in a code, an event id, a symbolic name or a pasted message. Numbers may be spelt as Windows does
 * it anywhere: `0x8009030E`, `8009030e`, `-2146893042`, `2148074254`. Short numbers count when the words before them
 * say what they are, or when the text is nothing but the number.
 */
export function explain(input: string): Explained {
  const text = input.slice(0, longest);
  const candidates: Candidate[] = [];
  const unknown: { seen: string; hint: string }[] = [];
  const undocumented = new Set<number>();
  const alone =
    /^\s*(?:event(?:\s*id)?|id|error|code|krb\w*|kerberos(?:\s*error)?)?[\s:#=]*(?:0x)?[\da-f]{1,5}\s*$/i.test(
      text,
    );
  for (const number of numbersIn(text)) {
    const entries = entriesOfNumber(number, alone);
    for (const entry of entries) candidates.push(candidate(entry, number.seen, number.index, 0));
    if (entries.length > 0) continue;
    if (number.meant === "code" && looksLikeStatus(number))
      unknown.push({ seen: number.seen, hint: hintOf(number.value) });
    else if (undocumentedEvents.has(number.value) && (number.meant === "event" || alone))
      undocumented.add(number.value);
  }
  for (const { seen, index } of namesIn(text)) {
    const entry = byName.get(seen.toLowerCase());
    if (entry !== undefined) candidates.push(candidate(entry, seen, index, 0.25));
  }
  const plain = normalize(text);
  for (const entry of knowledgeBase) {
    for (const fragments of entry.texts ?? []) {
      const index = indexOfFragments(plain, fragments);
      if (index >= 0) candidates.push(candidate(entry, fragments.join(" … "), index, 0.5));
    }
  }
  return { matches: ranked(candidates), undocumentedEvents: [...undocumented], unknown: distinct(unknown) };
}

function candidate(entry: ExplainEntry, seen: string, index: number, bonus: number): Candidate {
  return { entry, seen, index, score: entry.weight + bonus };
}

/** The most specific first, of equals the one that stands first; each entry once. */
function ranked(candidates: readonly Candidate[]): ExplainedMatch[] {
  const best = new Map<ExplainEntry, Candidate>();
  for (const found of candidates) {
    const known = best.get(found.entry);
    if (known === undefined || found.score > known.score) best.set(found.entry, found);
  }
  return [...best.values()]
    .sort((left, right) => right.score - left.score || left.index - right.index)
    .map(({ entry, seen }) => ({ entry, seen }));
}

function entriesOfNumber({ value, meant }: FoundNumber, alone: boolean): readonly ExplainEntry[] {
  const entries = byValue.get(value) ?? [];
  const kinds = (...wanted: readonly ExplainEntry["kind"][]): readonly ExplainEntry[] =>
    entries.filter(({ kind }) => wanted.includes(kind));
  switch (meant) {
    case "code":
      return kinds("hresult", "ntstatus", "winrm").length > 0 || value > 0xffff
        ? kinds("hresult", "ntstatus", "winrm")
        : entries;
    case "event":
      return kinds("event");
    case "kerberos":
      return kinds("kerberos");
    case "return":
      return kinds("wmi");
    case "state":
      return kinds("job-state");
    case "bare":
      // A small number alone is a Kerberos error sooner than what a method returned.
      if (alone) return kinds("event", ...(value < 1000 ? [] : (["wmi"] as const)), "kerberos", "hresult");
      // A return value or an event of five digits is hardly anything else.
      return value >= 10_000 ? kinds("event", "wmi") : [];
  }
}

/** Eight digits may be a date or a serial number; a failure has its high bit set. */
function looksLikeStatus({ value, seen }: FoundNumber): boolean {
  return value >= 2 ** 31 && (/[a-f]/i.test(seen) || /^(?:0x|&h|[^\d])/i.test(seen) || seen.length === 10);
}

function hintOf(value: number): string {
  const hex = `0x${value.toString(16).toUpperCase()}`;
  const low = value & 0xffff;
  if (value >>> 16 === 0x8007)
    return `${hex} is the Windows error ${low} as an HRESULT: \`net helpmsg ${low}\` on a Windows machine names it.`;
  if (value >>> 16 === 0x8009)
    return `${hex} comes from the security packages (Kerberos, Negotiate, CredSSP, certificates).`;
  if (value >>> 16 === 0x8033)
    return `${hex} comes from WinRM: \`winrm helpmsg ${hex}\` on a Windows machine names it.`;
  if (value >>> 16 === 0x8004) return `${hex} comes from WMI or another COM interface.`;
  if (value >>> 28 === 0xc) return `${hex} is an NTSTATUS.`;
  return `${hex} is an HRESULT of facility ${(value >>> 16) & 0x7ff}.`;
}

function distinct<T extends { readonly seen: string }>(items: readonly T[]): T[] {
  return [...new Map(items.map((item) => [item.seen, item])).values()];
}

function groupByValue(): Map<number, ExplainEntry[]> {
  const groups = new Map<number, ExplainEntry[]>();
  for (const entry of knowledgeBase) {
    if (entry.value === undefined) continue;
    const known = groups.get(entry.value);
    if (known === undefined) groups.set(entry.value, [entry]);
    else known.push(entry);
  }
  return groups;
}
