import { spawn } from "node:child_process";
import { mkdir, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sleep, WaybillError } from "@waybill/base";
import { identifyProcess, isAlive, killProcess, type ProcessIdentity, waitForEnd } from "@waybill/qemu";

export interface BackgroundCommand {
  readonly program: string;
  readonly args: readonly string[];
}

/** This command line again, with other arguments. */
export function waybillAgain(...args: readonly string[]): BackgroundCommand {
  return { program: process.execPath, args: [...process.execArgv, process.argv[1] ?? "", ...args] };
}

/** Folders in which nothing may start any more, whatever is still under way in this process. */
const closed = new Set<string>();
/** Starts whose process is perhaps not written down yet. */
const starting = new Set<Promise<void>>();

/** Runs a process of its own that outlives this one; its output goes to `<name>.log`. */
export async function startBackground(pids: string, name: string, command: BackgroundCommand): Promise<void> {
  if (closed.has(pids)) throw didNotStart(name, join(pids, `${name}.log`));
  const start = launch(pids, name, command);
  starting.add(start);
  await start.finally(() => starting.delete(start));
}

async function launch(pids: string, name: string, { program, args }: BackgroundCommand): Promise<void> {
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

/** From here on processes may start in a folder, also after everything in it was ended once. */
export function openBackground(pids: string): void {
  closed.delete(pids);
}

/** Ends every process of a folder, also one that is being started. */
export async function endBackground(pids: string): Promise<void> {
  closed.add(pids);
  await Promise.allSettled(starting);
  for (const name of await backgroundNames(pids)) await stopBackground(pids, name);
}

/** Ends a process started here: politely, then for good. */
export async function stopBackground(pids: string, name: string): Promise<void> {
  const identity = await identityOf(pids, name);
  if (identity === undefined) return;
  if (await isAlive(identity)) {
    process.kill(identity.pid, "SIGTERM");
    if (!(await waitForEnd(identity, 3000))) await killProcess(identity);
  }
  await rm(join(pids, `${name}.json`), { force: true });
}

/** The names of a folder's processes: those that run, and those that should. */
export async function backgroundProcesses(pids: string): Promise<{ alive: string[]; dead: string[] }> {
  const found: { alive: string[]; dead: string[] } = { alive: [], dead: [] };
  for (const name of await backgroundNames(pids)) {
    const identity = await identityOf(pids, name);
    if (identity === undefined) continue;
    found[(await isAlive(identity)) ? "alive" : "dead"].push(name);
  }
  return found;
}

async function backgroundNames(pids: string): Promise<string[]> {
  const files = await readdir(pids).catch(() => []);
  return files.filter((file) => file.endsWith(".json")).map((file) => file.slice(0, -".json".length));
}

async function identityOf(pids: string, name: string): Promise<ProcessIdentity | undefined> {
  const text = await readFile(join(pids, `${name}.json`), "utf8").catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as ProcessIdentity);
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
