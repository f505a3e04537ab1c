/** How words with a meaning are shown; the identity where colours are not wanted. */
export interface Palette {
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly warn: (text: string) => string;
  readonly strong: (text: string) => string;
  readonly faint: (text: string) => string;
  /** Breaks a line of words where the terminal ends; further lines are indented by `hanging` more. Commands stay whole. */
  readonly wrapped?: ((line: string, hanging?: number) => string) | undefined;
}

const as = (text: string): string => text;
export const plainPalette: Palette = { good: as, bad: as, warn: as, strong: as, faint: as };

/** Names come from directories, which hold whatever somebody wrote: nothing in them may steer a terminal. */
export function printable(text: string): string {
  return Array.from(text, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return steers(code) ? `\\u{${code.toString(16)}}` : character;
  }).join("");
}

/** Control characters but the line feed, and the marks that turn the direction of writing. */
function steers(code: number): boolean {
  return (
    (code < 0x20 && code !== 0x0a) ||
    (code >= 0x7f && code <= 0x9f) ||
    code === 0x200e ||
    code === 0x200f ||
    (code >= 0x202a && code <= 0x202e) ||
    (code >= 0x2066 && code <= 0x2069)
  );
}

export interface GuardedPalette extends Palette {
  readonly wrapped: NonNullable<Palette["wrapped"]>;
}

/** The same palette for text nobody has looked at yet. */
export function guarded(palette: Palette): GuardedPalette {
  return {
    wrapped: palette.wrapped ?? as,
    good: (text) => palette.good(printable(text)),
    bad: (text) => palette.bad(printable(text)),
    warn: (text) => palette.warn(printable(text)),
    strong: (text) => palette.strong(printable(text)),
    faint: (text) => palette.faint(printable(text)),
  };
}
