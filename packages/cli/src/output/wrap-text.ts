import { stripVTControlCharacters } from "node:util";

/** Columns for running text: the terminal's, but no more than the eye follows; `otherwise` where there is none. */
export function textWidth(otherwise = 100): number {
  return Math.min(process.stdout.columns || otherwise, 110);
}

/** Breaks a paragraph into lines of at most `width` columns; those after the first are indented by `hanging` more. */
export function wrapText(text: string, indent: string, width: number, hanging = 2): string[] {
  const lines: string[] = [];
  let line = indent;
  let empty = true;
  for (const word of text.split(" ")) {
    if (!empty && columns(line) + 1 + columns(word) > width) {
      lines.push(line);
      line = indent + " ".repeat(hanging);
      empty = true;
    }
    line += empty ? word : ` ${word}`;
    empty = false;
  }
  return [...lines, line];
}

function columns(text: string): number {
  return stripVTControlCharacters(text).length;
}
