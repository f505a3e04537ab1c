import { spawn } from "node:child_process";
import { mkdir, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sleep, WaybillError } from "@waybill/base";
import { identifyProcess, killProcess } from "@waybill/qemu";

export interface BackgroundCommand {
  readonly program: string;
  readonly args: readonly string[];
}

/** This command line again, with other arguments. */
export function waybillAgain(...args: readonly string[]): BackgroundCommand {
  return { program: process.execPath, args: [...process.execArgv, process.argv[1] ?? "", ...args] };
}

/** Runs a process of its own that outlives this one; its output goes to `<name>.log`. */
export async function startBackground(
  pids: string,
  name: string,
  { program, args }: BackgroundCommand,
): Promise<void> {
  await mkdir(pids, { recursive: true, mode: 0o700 });
  const log = await open(join(pids, `${name}.log`), "a", 0o600);
  try {
    const child = spawn(program, [...args], { detached: true, stdio: ["ignore", log.fd, log.fd] });
    // A program that is not there has no process id, and is told of below.
    child.on("error", () => {});
    child.unref();
    const identity = child.pid === undefined ? undefined : await identifyProcess(child.pid);
    if (identity === undefined) throw didNotStart(name, join(pids, `${name}.log`));
    await writeFile(join(pids, `${name}.json`), JSON.stringify(identity), { mode: 0o600 });
  } finally {
    await log.close();
  }
}

/** Ends a process started here: politely, then for good. */
export async function stopBackground(pids: string, name: string): Promise<void> {
  const path = join(pids, `${name}.json`);
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined) return;
  const identity = JSON.parse(text) as Parameters<typeof killProcess>[0];
  const now = await identifyProcess(identity.pid);
  if (now !== undefined && JSON.stringify(now) === JSON.stringify(identity)) {
    process.kill(identity.pid, "SIGTERM");
    for (let waited = 0; waited < 60 && (await identifyProcess(identity.pid)) !== undefined; waited++)
      await sleep(50);
    await killProcess(identity);
  }
  await rm(path, { force: true });
}

export async function backgroundNames(pids: string): Promise<string[]> {
  const files = await readdir(pids).catch(() => []);
  return files.filter((file) => file.endsWith(".json")).map((file) => file.slice(0, -".json".length));
}

/** Waits until `ready` stops throwing. @throws WaybillError LAB_PART_NOT_READY with the end of its log. */
export async function untilReady(
  pids: string,
  name: string,
  ready: () => Promise<unknown>,
  timeout = 30_000,
): Promise<void> {
  const end = Date.now() + timeout;
  for (;;) {
    try {
      await ready();
      return;
    } catch (cause) {
      if (Date.now() > end) {
        const log = await readFile(join(pids, `${name}.log`), "utf8").catch(() => "");
        throw new WaybillError(
          `${name} did not come up: ${log.trim().split("\n").slice(-3).join(" | ") || String(cause)}`,
          {
            code: "LAB_PART_NOT_READY",
            family: "environment",
            remedy: `Read ${join(pids, `${name}.log`)}; then \`waybill lab down\` and try again.`,
            cause,
          },
        );
      }
      await sleep(50);
    }
  }
}

function didNotStart(name: string, log: string): WaybillError {
  return new WaybillError(`${name} did not start`, {
    code: "LAB_PART_NOT_READY",
    family: "environment",
    remedy: `Read ${log}.`,
  });
}
