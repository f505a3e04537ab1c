import { readFile } from "node:fs/promises";
import { sleep, systemCode } from "@waybill/base";

/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks from the machine's boot to the process's start (/proc/PID/stat, field 22). */
  readonly startTicks: number;
}

/** Undefined when there is no such process, or only its remains. */
export async function identifyProcess(pid: number): Promise<ProcessIdentity | undefined> {
  if (!Number.isInteger(pid) || pid < 2) return undefined;
  let stat: string;
  try {
    stat = await readFile(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined;
  }
  // The name in parentheses may contain spaces and parentheses itself.
  const [state = "", ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (state === "Z" || state === "X") return undefined;
  return { pid, startTicks: Number(fields[18]) };
}

export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  const found = await identifyProcess(identity.pid);
  return found !== undefined && found.startTicks === identity.startTicks;
}

/** Kills the process and waits until it is gone. True when it is. */
export async function killProcess(identity: ProcessIdentity, patience = 5000): Promise<boolean> {
  if (!(await isAlive(identity))) return true;
  try {
    process.kill(identity.pid, "SIGKILL");
  } catch (error) {
    if (systemCode(error) !== "ESRCH") return false;
  }
  return await waitForEnd(identity, patience);
}

export async function waitForEnd(
  identity: ProcessIdentity,
  patience: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const end = performance.now() + patience;
  while (await isAlive(identity)) {
    if (performance.now() >= end) return false;
    await sleep(5, signal);
  }
  return true;
}
