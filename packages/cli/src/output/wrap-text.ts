import { stripVTControlCharacters } from "node:util";

/** The eye follows no longer lines. */
const widest = 100;

/** Columns for running text: the terminal's, but no more than the eye follows; `otherwise` where there is none. */
export function textWidth(otherwise = widest): number {
  return Math.min(process.stdout.columns || otherwise, widest);
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

/**
 * Text of several lines, each broken where a terminal would; left alone in a file, where somebody may search it.
 *
 * @param hanging by how much more further lines are indented; unless told, as far as the text after a bullet, or two
 */
export function wrapForTerminal(text: string, stream: NodeJS.WriteStream, hanging?: number): string {
  if (stream.isTTY !== true) return text;
  const width = Math.min(stream.columns || 80, widest);
  return text
    .split("\n")
    .flatMap((line) => {
      const plain = stripVTControlCharacters(line);
      const indent = /^ */.exec(plain)?.[0] ?? "";
      const bullet = /^(?:\d+\.|[-+•…]) +/.exec(plain.slice(indent.length))?.[0].length;
      // A colour may begin before the indent.
      return wrapText(line.replace(indent, ""), indent, width, hanging ?? bullet ?? 2);
    })
    .join("\n");
}

/** The same for standard output. */
export function forScreen(text: string, hanging?: number): string {
  return wrapForTerminal(text, process.stdout, hanging);
}

function columns(text: string): number {
  return stripVTControlCharacters(text).length;
}
