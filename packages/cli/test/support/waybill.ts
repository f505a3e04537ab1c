import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const tsx = fileURLToPath(import.meta.resolve("tsx/cli"));
const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

/** Program and arguments that run the command line from its sources. */
export const waybillCommand: readonly string[] = [
  process.execPath,
  tsx,
  "--conditions=@waybill/source",
  main,
];

/** Runs the command line as a person would: a process of its own, without colours. */
export function waybill(
  args: readonly string[],
  options: { readonly env?: Readonly<Record<string, string>>; readonly input?: string } = {},
): Promise<Outcome> {
  const [program = "", ...before] = waybillCommand;
  return runToEnd(program, [...before, ...args], options);
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
