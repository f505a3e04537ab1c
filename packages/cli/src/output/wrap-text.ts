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

/** Text of several lines, each broken where a terminal would; left alone in a file, where somebody may search it. */
export function wrapForTerminal(text: string, stream: NodeJS.WriteStream): string {
  if (stream.isTTY !== true) return text;
  const width = Math.min(stream.columns || 80, 110);
  return text
    .split("\n")
    .flatMap((line) => {
      const indent = /^ */.exec(line)?.[0] ?? "";
      return wrapText(line.slice(indent.length), indent, width);
    })
    .join("\n");
}

function columns(text: string): number {
  return stripVTControlCharacters(text).length;
}
