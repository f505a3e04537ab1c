import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const source = fileURLToPath(new URL("../src", import.meta.url));
const files = readdirSync(source, { recursive: true, encoding: "utf8" }).filter((name) =>
  name.endsWith(".ts"),
);
/** `type X` beside `const X`: a message's type goes by the name of its schema, which has the comment. */
const twin = (lines: readonly string[], name: string): boolean =>
  lines.some((line) => line.startsWith(`export const ${name} =`));
const declaration = /^export (?:abstract )?(?:async )?(const|function\*?|class|interface|type) (\w+)/;

test("every exported declaration says what it is for", () => {
  const silent = files.flatMap((file) => {
    const lines = readFileSync(join(source, file), "utf8").split("\n");
    return lines.flatMap((line, at) => {
      const [, kind, name] = declaration.exec(line) ?? [];
      if (name === undefined || (kind === "type" && twin(lines, name))) return [];
      return lines[at - 1]?.trimEnd().endsWith("*/") ? [] : [`${file}: ${name}`];
    });
  });
  expect(files.length).toBeGreaterThan(100);
  expect(silent).toEqual([]);
});
