import { stripVTControlCharacters } from "node:util";

/** Breaks a paragraph into lines of at most `width` columns; those after the first are indented by two more. */
export function wrapText(text: string, indent: string, width: number): string[] {
  const lines: string[] = [];
  let line = indent;
  let empty = true;
  for (const word of text.split(" ")) {
    if (!empty && columns(line) + 1 + columns(word) > width) {
      lines.push(line);
      line = `${indent}  `;
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
