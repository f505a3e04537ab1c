import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const root = new URL("../", import.meta.url);
const readme = readFileSync(new URL("README.md", root), "utf8");
const sections = readme.split("\n### ").slice(1);

describe("the README's examples", () => {
  it("are five", () => expect(sections).toHaveLength(5));

  it.each(sections.map((section) => [section.split("\n")[0] ?? "", section]))(
    "%s: is what the program says",
    (_title, section) => {
      const file = /\(examples\/([a-z-]+\.ts)\)/.exec(section)?.[1];
      const code = /```ts\n([^`]*(?:`[^`]+)*?)```/.exec(section)?.[1] ?? "";
      const program = readFileSync(new URL(`examples/${file}`, root), "utf8");
      const squeezed = (text: string): string[] =>
        text
          .split("\n")
          .map((line) => line.trim())
          .filter((line) => line !== "");
      const lines = squeezed(program);
      expect(squeezed(code).length).toBeGreaterThan(2);
      for (const line of squeezed(code)) expect(lines).toContain(line);
    },
  );
});
