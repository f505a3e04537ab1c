import { execFile } from "node:child_process";
import { AbortedError, DeadlineError, systemCode } from "@waybill/base";
import { QmpError } from "./qmp-error.ts";

export interface RunOptions {
  /** Milliseconds; 10 s unless given. */
  readonly timeout?: number;
  readonly signal?: AbortSignal | undefined;
  readonly cwd?: string;
  /** Exit statuses that are answers, not failures. */
  readonly accept?: readonly number[];
}

/** Runs a program to its end, without a shell, and returns what it wrote. */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<{ readonly stdout: string; readonly stderr: string; readonly status: number }> {
  const { timeout = 10_000, signal, cwd, accept = [0] } = options;
  return await new Promise((resolve, reject) => {
    const environment = { ...process.env, LC_ALL: "C" };
    const settings = { timeout, killSignal: "SIGKILL", env: environment, maxBuffer: 1 << 24 } as const;
    execFile(
      program,
      args,
      { ...settings, ...(signal === undefined ? {} : { signal }), ...(cwd === undefined ? {} : { cwd }) },
      (error, stdout, stderr) => {
        const status = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
        if (status >= 0 && accept.includes(status)) resolve({ stdout, stderr, status });
        else if (signal?.aborted) reject(new AbortedError(program, signal.reason));
        else if (error?.killed) reject(new DeadlineError(program, timeout));
        else reject(programFailed(program, status, stderr, error));
      },
    );
  });
}

function programFailed(program: string, status: number, stderr: string, cause: unknown): QmpError {
  const missing = systemCode(cause) === "ENOENT";
  const said = stderr.trim().split("\n").at(-1) ?? "";
  return new QmpError(
    missing ? `${program} is not installed` : `${program} failed with status ${status}: ${said}`,
    {
      code: missing ? "PROGRAM_MISSING" : "PROGRAM_FAILED",
      family: "environment",
      facts: { program, status },
      ...(missing ? { remedy: `Install the package that contains ${program}.` } : {}),
      cause,
    },
  );
}
