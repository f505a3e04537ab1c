/** Markup, as opposed to text. Only `html` makes it. */
export class Html {
  readonly markup: string;

  constructor(markup: string) {
    this.markup = markup;
  }
}

export type Piece = Html | string | number | undefined | readonly Piece[];

/** Markup with everything that is put into it escaped, unless it is markup itself. */
export function html(parts: TemplateStringsArray, ...pieces: readonly Piece[]): Html {
  return new Html(
    parts.map((part, index) => (index === 0 ? "" : markupOf(pieces[index - 1])) + part).join(""),
  );
}

function markupOf(piece: Piece): string {
  if (piece instanceof Html) return piece.markup;
  if (piece === undefined) return "";
  return typeof piece === "string" || typeof piece === "number"
    ? escapeText(String(piece))
    : piece.map(markupOf).join("");
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
  "`": "&#96;",
};

/**
 * Text that is safe in elements and quoted attributes. Characters that cannot be seen, or that turn the reading
 * direction round, are spelt out: a name must not look like another one.
 */
export function escapeText(text: string): string {
  return text
    .replace(/[&<>"'`]/g, (character) => entities[character] ?? "")
    .replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\ufffe\uffff]/gu, (character) =>
      character === "\n" || character === "\t"
        ? character
        : `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
    );
}
