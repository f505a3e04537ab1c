import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { vi } from "vitest";

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export const checkout = fileURLToPath(new URL("../../../..", import.meta.url)).replace(/\/$/, "");

/** Program and arguments that run the command line from its sources. */
export const waybillCommand: readonly string[] = [
  process.execPath,
  "--import",
  `${checkout}/node_modules/tsx/dist/loader.mjs`,
  "--conditions=@waybill/source",
  `${checkout}/packages/cli/src/main.ts`,
];

/** Runs the command line as a person would: a process of its own, without colours. */
export function waybill(
  args: readonly string[],
  options: { readonly env?: Readonly<Record<string, string>>; readonly input?: string } = {},
): Promise<Outcome> {
  const [program = "", ...before] = waybillCommand;
  return runToEnd(program, [...before, ...args], options);
}

/** The command line as a person has it before them: what it says is seen at once, and it can be typed to. */
export class Conversation {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<number | null>;
  /** Everything said so far, on both outputs. */
  said = "";

  constructor(
    args: readonly string[],
    env: Readonly<Record<string, string>>,
    command: readonly string[] = waybillCommand,
  ) {
    const [program = "", ...before] = command;
    this.#child = spawn(program, [...before, ...args], { env: { ...process.env, NO_COLOR: "1", ...env } });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => {
        this.said += text;
      });
    this.ended = new Promise((resolve) => this.#child.on("close", resolve));
  }

  type(text: string): void {
    this.#child.stdin.write(text);
  }

  interrupt(): void {
    this.#child.kill("SIGINT");
  }

  async until(words: string | RegExp): Promise<void> {
    const found = (): boolean =>
      typeof words === "string" ? this.said.includes(words) : words.test(this.said);
    await vi.waitUntil(found, { timeout: 90_000, interval: 20 });
  }
}

/** Runs a program, whatever its exit status. */
export function runToEnd(
  program: string,
  args: readonly string[],
  options: { readonly env?: Readonly<Record<string, string>>; readonly input?: string } = {},
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...args], { env: { ...process.env, NO_COLOR: "1", ...options.env } });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
    child.stdin.on("error", () => {});
    child.stdin.end(options.input ?? "");
  });
}
