import { styleText } from "node:util";

type Format = Parameters<typeof styleText>[0];

function colours(): boolean {
  const { NO_COLOR, FORCE_COLOR } = process.env;
  if (NO_COLOR !== undefined && NO_COLOR !== "") return false;
  return FORCE_COLOR !== undefined && FORCE_COLOR !== "0" ? true : process.stdout.isTTY === true;
}

const apply =
  (format: Format) =>
  (text: string): string =>
    colours() ? styleText(format, text) : text;

/** Words with a meaning, shown in colour where a terminal wants it (NO_COLOR is respected). */
export const style = {
  good: apply("green"),
  bad: apply("red"),
  warn: apply("yellow"),
  strong: apply("bold"),
  faint: apply("dim"),
  title: apply(["bold", "cyan"]),
};
