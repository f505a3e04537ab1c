import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { findingKinds } from "@waybill/doctor";
import { describe, expect, it } from "vitest";
import { wholeProgram } from "./support/whole-program.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));

const documents = [
  join(root, "README.md"),
  ...readdirSync(join(root, "docs")).map((name) => join(root, "docs", name)),
  ...readdirSync(join(root, "packages")).map((name) => join(root, "packages", name, "README.md")),
].filter((path) => path.endsWith(".md") && existsSync(path));

const shown = (path: string): string => relative(root, path);

/** A document without its code blocks, which may show anything. */
function prose(path: string): string {
  return readFileSync(path, "utf8").replace(/^ *(`{3,})[^\n]*\n[\s\S]*?^ *\1 *$/gm, "");
}

/** Anchors as GitHub makes them from headings. */
function anchors(path: string): Set<string> {
  const found = new Set<string>();
  for (const [, heading = ""] of prose(path).matchAll(/^#{1,6} +(.+?) *$/gm)) {
    const text = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").replace(/`/g, "");
    const slug = text
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M}_ -]/gu, "")
      .replaceAll(" ", "-");
    let unique = slug;
    for (let count = 1; found.has(unique); count++) unique = `${slug}-${count}`;
    found.add(unique);
  }
  return found;
}

function brokenLinks(path: string): string[] {
  return [...prose(path).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = ""]) => {
    if (/^[a-z]+:/.test(link)) return [];
    const [file = "", anchor] = link.split("#");
    const target = file === "" ? path : resolve(dirname(path), file);
    if (!existsSync(target)) return [`${shown(path)}: ${link} leads nowhere`];
    if (anchor !== undefined && !anchors(target).has(anchor)) return [`${shown(path)}: no section ${link}`];
    return [];
  });
}

interface Mention {
  readonly where: string;
  readonly words: readonly string[];
  readonly options: readonly string[];
}

/** Every `waybill …` in backticks, indented or fenced code; a backslash at the end of a line goes on in the next. */
function mentions(path: string): Mention[] {
  const text = readFileSync(path, "utf8").replace(/\\\n\s*/g, " ");
  const found: Mention[] = [];
  for (const [, command = ""] of text.matchAll(/(?:^ {4}|^|`|\$ )waybill ((?:[a-z-]|--)[^`\n]*)/gm)) {
    const bare = command.replace(/\s+#.*$/, "").replace(/'[^']*'|"[^"]*"/g, "VALUE");
    const [first = ""] = bare.split(/\s[|<>&]|;|&&/);
    const tokens = first.trim().split(/[\s,]+/);
    const stop = tokens.findIndex((token) => !/^[a-z][a-z0-9-]*$/.test(token));
    found.push({
      where: `${shown(path)}: waybill ${first.trim()}`,
      words: stop === -1 ? tokens : tokens.slice(0, stop),
      options: tokens.filter((token) => /^--[a-z]/.test(token)),
    });
  }
  return found;
}

describe("documentation", () => {
  it("has a README for the project and for each package", () => {
    for (const name of readdirSync(join(root, "packages")))
      expect(documents.map(shown)).toContain(`packages/${name}/README.md`);
    expect(documents.map(shown)).toContain("README.md");
  });

  it.each(documents.map((path) => [shown(path), path]))("links and anchors of %s resolve", (_name, path) => {
    expect(brokenLinks(path)).toEqual([]);
  });

  it("is reached from the first screen, every guide of it", () => {
    const reachable = new Set<string>();
    const visit = (path: string): void => {
      if (reachable.has(path)) return;
      reachable.add(path);
      for (const [, link = ""] of prose(path).matchAll(/\]\(([^)#\s]+\.md)[^)]*\)/g))
        if (!/^[a-z]+:/.test(link)) visit(resolve(dirname(path), link));
    };
    visit(join(root, "README.md"));
    expect(documents.filter((path) => !reachable.has(path)).map(shown)).toEqual([]);
  });

  it("has the sections that the sources point at", () => {
    const sources = ["doctor", "cli", "host", "kdc"].map((name) => join(root, "packages", name, "src"));
    const pointers = sources.flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: "utf8" })
        .filter((file) => file.endsWith(".ts"))
        .flatMap(
          (file) => readFileSync(join(folder, file), "utf8").match(/\bdocs\/[\w-]+\.md(?:#[\w-]+)?/g) ?? [],
        ),
    );
    const broken = pointers.filter((pointer) => {
      const [file = "", anchor] = pointer.split("#");
      const path = join(root, file);
      return !existsSync(path) || (anchor !== undefined && !anchors(path).has(anchor));
    });
    expect(broken).toEqual([]);
  });

  it("has a section for each finding of the doctor, and none for others", () => {
    const sections = [...prose(join(root, "docs/findings.md")).matchAll(/^## (.+)$/gm)].map(
      ([, id = ""]) => id,
    );
    expect(new Set(sections)).toEqual(new Set(Object.keys(findingKinds)));
  });

  it("names only commands and options that there are", async () => {
    const program = await wholeProgram();
    const problems: string[] = [];
    for (const { where, words, options } of documents.flatMap(mentions)) {
      let command = program;
      for (const word of words) {
        if (command.commands.length === 0) break;
        const next = command.commands.find((candidate) => candidate.name() === word);
        if (next === undefined) {
          problems.push(`${where}: there is no command ${word}`);
          break;
        }
        command = next;
      }
      // Of a group as a whole anything may be said.
      if (command.commands.length > 0 && words.length > 0) continue;
      const known = new Set(["--help", ...command.options.map(({ long }) => long)]);
      for (const option of options)
        if (!known.has(option)) problems.push(`${where}: there is no option ${option}`);
    }
    expect([...new Set(problems)]).toEqual([]);
  });
});
