import { spawn } from "node:child_process";
import { chown, mkdir, open, readFile, rm } from "node:fs/promises";
import { sleep } from "@waybill/base";
import { type Accelerator, buildCommandLine } from "../definition/command-line.ts";
import type { VmDefinition } from "../definition/vm-definition.ts";
import { QmpClient } from "../qmp/qmp-client.ts";
import { QmpError } from "../qmp-error.ts";
import { checkDisks } from "./disk-image.ts";
import { identifyProcess, killProcess, type ProcessIdentity } from "./process-identity.ts";
import { type VmPaths, vmPaths, writeVmRecord } from "./vm-record.ts";

export interface LaunchOptions {
  readonly definition: VmDefinition;
  /** State directory of this machine on this host: sockets, logs and its record. Created. */
  readonly directory: string;
  readonly accelerator: Accelerator;
  /** The unprivileged user QEMU runs as; needs root. Without it QEMU runs as the caller. */
  readonly runAs?: { readonly uid: number; readonly gid: number } | undefined;
  /** Waits for a migration; see {@link MigrationTarget}. */
  readonly incoming?: boolean;
  /** Leaves the guest paused before its first instruction. */
  readonly paused?: boolean;
  readonly program?: string;
  /** Milliseconds until QEMU must have answered; 15 s unless given. */
  readonly timeout?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Starts QEMU so that it outlives this process, and returns the first connection to it. */
export async function launchQemu(
  options: LaunchOptions,
): Promise<{ readonly process: ProcessIdentity; readonly control: QmpClient }> {
  const {
    definition,
    directory,
    accelerator,
    runAs,
    program = "qemu-system-x86_64",
    timeout = 15_000,
  } = options;
  const paths = vmPaths(directory);
  const { args, inherited } = buildCommandLine(definition, {
    accelerator,
    files: paths,
    incoming: options.incoming === true,
    paused: options.paused === true,
  });
  await checkDisks(definition);
  await prepareDirectory(directory, paths, runAs);
  await writeVmRecord(directory, { definition, accelerator, role: options.incoming ? "incoming" : "owner" });

  const log = await open(paths.log, "a", 0o600);
  const logStart = (await log.stat()).size;
  let failure: Error | undefined;
  try {
    const child = spawn(program, [...args, "-pidfile", paths.pid], {
      cwd: "/",
      detached: true,
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" },
      stdio: ["ignore", log.fd, log.fd, ...inherited],
      ...(runAs === undefined ? {} : runAs),
    });
    child.on("error", (error) => {
      failure = error;
    });
    child.unref();
    const process = child.pid === undefined ? undefined : await identifyProcess(child.pid);
    try {
      const control = await firstConnection(paths, timeout, options.signal, () => {
        if (failure !== undefined) throw failure;
        if (child.exitCode !== null || child.signalCode !== null) throw new Error("it ended at once");
      });
      const identity = process ?? (await identifyProcess(child.pid ?? 0));
      if (identity === undefined) throw new Error("it ended at once");
      return { process: identity, control };
    } catch (cause) {
      if (process !== undefined) await killProcess(process);
      throw await startFailed(definition.name, paths.log, logStart, cause);
    }
  } finally {
    await log.close();
  }
}

async function prepareDirectory(
  directory: string,
  paths: VmPaths,
  runAs: LaunchOptions["runAs"],
): Promise<void> {
  await mkdir(directory, { recursive: true, mode: runAs === undefined ? 0o700 : 0o711 });
  await mkdir(paths.run, { recursive: true, mode: 0o700 });
  const running = await readPid(paths);
  if (running !== undefined)
    throw new QmpError(`a QEMU already runs in ${directory}, as process ${running.pid}`, {
      code: "VM_ALREADY_RUNNING",
      family: "caller",
      facts: { directory, pid: running.pid },
    });
  for (const stale of [paths.control, paths.observer, paths.console, paths.pid])
    await rm(stale, { force: true });
  if (runAs !== undefined) await chown(paths.run, runAs.uid, runAs.gid);
}

/** The QEMU of this directory, if it lives: QEMU writes its own number, so none is ever lost. */
export async function readPid(paths: VmPaths): Promise<ProcessIdentity | undefined> {
  const text = await readFile(paths.pid, "utf8").catch(() => "");
  const identity = await identifyProcess(Number(text.trim()));
  if (identity === undefined) return undefined;
  // The number may belong to somebody else by now: a QEMU of ours has this directory among its arguments.
  const command = await readFile(`/proc/${identity.pid}/cmdline`, "utf8").catch(() => "");
  return command.split("\0").includes(paths.pid) ? identity : undefined;
}

async function firstConnection(
  paths: VmPaths,
  timeout: number,
  signal: AbortSignal | undefined,
  check: () => void,
): Promise<QmpClient> {
  const end = performance.now() + timeout;
  for (;;) {
    check();
    try {
      return await QmpClient.connect(paths.control, {
        timeout: Math.max(1, end - performance.now()),
        signal,
      });
    } catch (error) {
      const notYet = error instanceof QmpError && ["QMP_UNREACHABLE", "QMP_CLOSED"].includes(error.code);
      if (!notYet || performance.now() >= end) throw error;
      await sleep(10, signal);
    }
  }
}

async function startFailed(name: string, log: string, from: number, cause: unknown): Promise<QmpError> {
  const text = await readFile(log).catch(() => Buffer.alloc(0));
  const lines = text.subarray(from).toString("utf8").trim().split("\n");
  // QEMU puts its name before what matters; hints and usage follow without it.
  const complaint = lines.map((line) => /^qemu[\w-]*: (?!warning)(.*)$/.exec(line)?.[1]).find(Boolean);
  const said = (complaint ?? lines.at(-1) ?? "").slice(0, 500);
  const why = said === "" ? (cause instanceof Error ? cause.message : String(cause)) : said;
  return new QmpError(`QEMU did not start ${name}: ${why}`, {
    code: "VM_START_FAILED",
    family: "environment",
    facts: { name, log },
    remedy: `Read ${log}.`,
    cause,
  });
}
