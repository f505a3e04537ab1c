import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mustWork } from "./support/lab.ts";
import { runToEnd, waybill } from "./support/waybill.ts";

// The shells themselves are asked what they would offer. No waybill is on their PATH: nothing is run to find out.
const folder = mkdtempSync(join(tmpdir(), "waybill-completion-"));
const script = (shell: string): string => join(folder, `waybill.${shell}`);

beforeAll(async () => {
  for (const shell of ["bash", "zsh", "fish"])
    writeFileSync(script(shell), mustWork(await waybill(["completion", shell])).stdout);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** @param typed words; the last one is being typed. */
type Complete = (...typed: readonly string[]) => Promise<string[]>;

const bash: Complete = async (...typed) =>
  await offered("bash", [
    "-c",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the shell's.
    'source "$0"; COMP_WORDS=(waybill "$@"); COMP_CWORD=$#; _waybill 2>/dev/null; printf "%s\\n" "${COMPREPLY[@]}"',
    script("bash"),
    ...typed,
  ]);

const zsh: Complete = async (...typed) => {
  // Outside of the line editor compadd does not work: a stand-in prints what fits.
  const body =
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the shell's.
    'compdef() {}; compadd() { shift; print -rl -- ${(M)@:#$words[CURRENT]*} }; _files() { }; source "$0"; words=(waybill "$@"); CURRENT=$#words; _waybill';
  return await offered("zsh", ["-f", "-c", body, script("zsh"), ...typed]);
};

const fish: Complete = async (...typed) =>
  (
    await offered("fish", ["-N", "-c", `source ${script("fish")}; complete -C 'waybill ${typed.join(" ")}'`])
  ).map((line) => line.split("\t")[0] ?? "");

async function offered(shell: string, args: readonly string[]): Promise<string[]> {
  const { stdout } = mustWork(await runToEnd(shell, args, { env: { PATH: "/usr/bin:/bin", HOME: folder } }));
  return stdout.split("\n").filter((line) => line !== "");
}

describe.each([
  ["bash", bash],
  ["zsh", zsh],
  ["fish", fish],
] as const)("completion in %s", (_shell, complete) => {
  it("offers commands, sub-commands and scenarios", async () => {
    expect(await complete("de")).toEqual(["delegation"]);
    expect(await complete("lab", "")).toEqual(
      expect.arrayContaining(["up", "down", "console", "run", "story"]),
    );
    expect(await complete("lab", "run", "ws2016", "ws2012")).toEqual(["ws2012r2"]);
    expect(await complete("dc", "user", "pass")).toEqual(["password"]);
  });

  it("offers options after arguments, and the values that are known", async () => {
    expect(await complete("move", "web01", "--from", "kvm01", "--post")).toEqual(["--post-copy"]);
    expect((await complete("move", "web01", "--performance", "")).toSorted()).toEqual([
      "compression",
      "multifd",
      "tcpip",
    ]);
    expect(await complete("move", "web01", "--performance", "mul")).toEqual(["multifd"]);
  });

  it("offers nothing of its own where only a name can stand, and hides what is internal", async () => {
    expect(await complete("move", "web01", "--from", "k")).toEqual([]);
    expect(await complete("lab", "part")).toEqual([]);
  });
});
