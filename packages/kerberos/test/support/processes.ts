import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { createWriteStream, readFileSync, rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { sleep } from "@waybill/base";

const execFileAsync = promisify(execFile);

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly timeout?: number;
}

/** Runs a program to its end and gives its standard output. A failure shows all the program said. */
export async function run(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const env = { ...process.env, ...options.env };
  const pending = execFileAsync(program, [...args], {
    env,
    timeout: options.timeout ?? 60_000,
    maxBuffer: 1 << 24,
  });
  pending.child.stdin?.on("error", () => {});
  pending.child.stdin?.end(options.input ?? "");
  try {
    return (await pending).stdout;
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    throw new Error(`${program} ${args.join(" ")} failed: ${stderr ?? ""}${stdout ?? ""}`, { cause: error });
  }
}

const running = new Set<ChildProcess>();
const folders = new Set<string>();
// What a test that failed did not put away.
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
  for (const path of folders) rmSync(path, { recursive: true, force: true, maxRetries: 3 });
});

/** A server in the background, in a process group of its own. */
export interface Daemon {
  readonly pid: number;
  readonly hasExited: boolean;
  stop(): Promise<void>;
}

export function startDaemon(
  program: string,
  args: readonly string[],
  options: { readonly env?: Readonly<Record<string, string>>; readonly log: string },
): Daemon {
  const child = spawn(program, [...args], {
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const log = createWriteStream(options.log, { flags: "a" });
  // What is said after the folder is gone is nobody's loss.
  log.on("error", () => {});
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  running.add(child);
  const exited = new Promise<void>((resolve) => {
    child.once("error", () => resolve());
    child.once("exit", () => resolve());
  }).then(() => void running.delete(child));
  const pid = child.pid ?? 0;
  const killAll = (): void => {
    try {
      if (pid > 0) process.kill(-pid, "SIGKILL");
    } catch {
      // Nobody is left.
    }
  };
  return {
    pid,
    get hasExited() {
      return !running.has(child);
    },
    async stop() {
      if (running.has(child)) {
        child.kill("SIGTERM");
        const hard = setTimeout(killAll, 20_000);
        await exited;
        clearTimeout(hard);
      }
      // Its children too, which would go on writing into a folder that is being removed.
      killAll();
      log.end();
    },
  };
}

/** An address of the loopback network that no other test is likely to have. */
export function loopbackAddress(): string {
  return `127.${randomInt(20, 250)}.${randomInt(1, 255)}.${randomInt(1, 255)}`;
}

/** Waits until something accepts TCP connections there. */
export async function waitForPort(
  host: string,
  port: number,
  daemon: Daemon,
  timeout = 60_000,
): Promise<void> {
  const end = Date.now() + timeout;
  while (!(await accepts(host, port))) {
    if (daemon.hasExited) throw new Error(`the server for ${host}:${port} has exited`);
    if (Date.now() > end) throw new Error(`nothing listens on ${host}:${port}`);
    await sleep(30);
  }
}

/** Waits until something is bound to that UDP port, for servers that speak nothing else. */
export async function waitForDatagrams(host: string, port: number, daemon: Daemon): Promise<void> {
  const [a = 0, b = 0, c = 0, d = 0] = host.split(".").map(Number);
  const hex = (number: number, digits: number): string =>
    number.toString(16).toUpperCase().padStart(digits, "0");
  // The kernel writes an address as one little-endian number.
  const bound = ` ${[d, c, b, a].map((byte) => hex(byte, 2)).join("")}:${hex(port, 4)} `;
  const end = Date.now() + 60_000;
  while (!readFileSync("/proc/net/udp", "utf8").includes(bound)) {
    if (daemon.hasExited) throw new Error(`the server for ${host}:${port} has exited`);
    if (Date.now() > end) throw new Error(`nothing is bound to ${host}:${port}`);
    await sleep(30);
  }
}

/** A new folder for a server, which goes with this process at the latest. */
export async function makeFolder(prefix: string): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), prefix));
  folders.add(path);
  return path;
}

/** Removes the folder of a server that has ended, even while the last of it is still being written. */
export async function removeFolder(path: string): Promise<void> {
  folders.delete(path);
  await rm(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
