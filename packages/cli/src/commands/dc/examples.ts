/** The end of a command's help: lines as one would type them after `waybill dc`. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  waybill dc ${line}`).join("\n")}`;
}
