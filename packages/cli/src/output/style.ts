import { styleText } from "node:util";
import { forScreen } from "./wrap-text.ts";

type Format = Parameters<typeof styleText>[0];
type Stream = NodeJS.WriteStream;

function colours(stream: Stream): boolean {
  const { NO_COLOR, FORCE_COLOR } = process.env;
  if (NO_COLOR !== undefined && NO_COLOR !== "") return false;
  return FORCE_COLOR !== undefined && FORCE_COLOR !== "0" ? true : stream.isTTY === true;
}

function styleOf(stream: Stream) {
  const apply =
    (format: Format) =>
    (text: string): string =>
      colours(stream) ? styleText(format, text) : text;
  return {
    good: apply("green"),
    bad: apply("red"),
    warn: apply("yellow"),
    strong: apply("bold"),
    faint: apply("dim"),
    title: apply(["bold", "cyan"]),
  };
}

/** Words with a meaning, shown in colour where standard output is a terminal (NO_COLOR is respected). */
export const style = { ...styleOf(process.stdout), wrapped: forScreen };

/** The same for what goes to standard error. */
export const errorStyle = styleOf(process.stderr);
