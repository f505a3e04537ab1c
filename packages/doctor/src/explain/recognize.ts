/** A number found in a text, with how sure its spelling is. */
export interface FoundNumber {
  readonly value: number;
  /** As it stands in the text. */
  readonly seen: string;
  readonly index: number;
  /**
   * `code`: a 32-bit status; `event`: said to be an event; `kerberos`: said to be a Kerberos error; `return`: said to be
   * a return value; `state`: said to be the state of a job; `bare`: nothing tells.
   */
  readonly meant: "code" | "event" | "kerberos" | "return" | "state" | "bare";
}

const minus = "-\u2212\u2013";
const hex = /(?<![\w.-])(?:0x|&h|#)?([0-9a-f]{8})(?![\w-])/gi;
const signed = new RegExp(`(?<![\\w.])[${minus}](\\d{9,10})(?![\\w])`, "g");
const unsigned = /(?<![\w.-])(\d{10})(?![\w.])/g;
const short = /(?<![\w.:/\\-])(?:0x([0-9a-f]{1,4})|(\d{1,5}))(?![\w/\\-]|[.:]\d)/gi;

/** Words before a number that tell what it is, in the languages that Windows logs are met in. */
const eventWord =
  /(?:\bevents?|\beventid|\bkdcsvc|ereignis|[ée]v[ée]nement|\bevento|h[äa]ndelse|gebeurtenis|zdarzen|событи|イベント|事件|이벤트)[^\d\n]{0,24}$/iu;
const kerberosWord =
  /(?:kerberos|krb[-_ ]?err(?:or)?|krb5?|kdc|failure code|fehlercode|ticket)[^\d\n]{0,24}$/iu;
const returnWord = /(?:return ?value|rückgabewert|returned|exit code)[^\d\n]{0,12}$/iu;
const stateWord = /job[ _-]?(?:state|status)[^\d\n]{0,12}$/iu;

/** Every number in a text that may be a code: hexadecimal with or without 0x, decimal, negative decimal. */
export function numbersIn(text: string): FoundNumber[] {
  const found: FoundNumber[] = [];
  const add = (value: number, seen: string, index: number, meant: FoundNumber["meant"]): void => {
    if (!found.some((known) => known.index === index)) found.push({ value, seen, index, meant });
  };
  for (const match of text.matchAll(hex))
    add(Number.parseInt(match[1] ?? "", 16), match[0], match.index, "code");
  for (const match of text.matchAll(signed)) {
    const value = 2 ** 32 - Number(match[1]);
    if (value >= 2 ** 31) add(value, match[0], match.index, "code");
  }
  for (const match of text.matchAll(unsigned)) {
    const value = Number(match[1]);
    if (value >= 2 ** 31 && value < 2 ** 32) add(value, match[0], match.index, "code");
  }
  for (const match of text.matchAll(short)) {
    const value = match[1] === undefined ? Number(match[2]) : Number.parseInt(match[1], 16);
    const before = text.slice(Math.max(0, match.index - 48), match.index);
    const meant = eventWord.test(before)
      ? "event"
      : kerberosWord.test(before)
        ? "kerberos"
        : returnWord.test(before)
          ? "return"
          : stateWord.test(before)
            ? "state"
            : "bare";
    add(value, match[0], match.index, meant);
  }
  return found.sort((left, right) => left.index - right.index);
}

/** Symbolic names (`SEC_E_NO_CREDENTIALS`, `KDC_ERR_BADOPTION`, `VM_MOVING`) and ids of findings in a text. */
export function namesIn(text: string): { readonly seen: string; readonly index: number }[] {
  return [...text.matchAll(/(?<![\w-])(?:[a-z][a-z0-9]*(?:[_-][a-z0-9]+)+|[A-Z]{5,})(?![\w-])/gi)].map(
    (match) => ({
      seen: match[0],
      index: match.index,
    }),
  );
}

/** Text as sentences are compared: lower case, plain quotes, one space. */
export function normalize(text: string): string {
  return text
    .normalize("NFKC")
    .toLowerCase()
    .replace(/[\u2018\u2019\u201b`´]/g, "'")
    .replace(/[\u201c\u201d\u201e]/g, '"')
    .replace(/\s+/g, " ");
}

/** Where the fragments occur one after the other, or -1. */
export function indexOfFragments(text: string, fragments: readonly string[]): number {
  let first = -1;
  let from = 0;
  for (const fragment of fragments) {
    const at = text.indexOf(fragment, from);
    if (at < 0) return -1;
    if (first < 0) first = at;
    from = at + fragment.length;
  }
  return first;
}
