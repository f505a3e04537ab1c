import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** A controller that runs in processes of its own. */
export interface ServedController {
  /** The process that was started; with several workers it holds LDAP. */
  readonly process: ChildProcess;
  /** All of its processes. */
  pids(): number[];
  /** Ends it without warning and waits until all of its processes are gone. */
  kill(): Promise<void>;
}

export async function serveState(state: string, host: string, workers: number): Promise<ServedController> {
  const script = join(import.meta.dirname, "serve.ts");
  const node = ["--import", "tsx", "--conditions=@waybill/source", script, state, host, String(workers)];
  const child = spawn(process.execPath, node, { stdio: ["ignore", "pipe", "inherit"] });
  const said = await Promise.race([once(child.stdout, "data"), once(child, "exit")]);
  if (String(said[0]) !== "ready\n") throw new Error(`the controller did not start: ${String(said[0])}`);
  const pid = child.pid ?? 0;
  const pids = (): number[] => [pid, ...childrenOf(pid)];
  return {
    process: child,
    pids,
    kill: async () => {
      const all = pids();
      child.kill("SIGKILL");
      for (let waited = 0; all.some(isAlive); waited += 20) {
        if (waited > 60_000) throw new Error("workers outlive the process that was killed");
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
  };
}

function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
    return text === "" ? [] : text.split(" ").map(Number);
  } catch {
    return [];
  }
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** Resident memory of a process in MiB. */
export function residentMebibytes(pid: number): number {
  const [, kibibytes = "0"] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kibibytes) / 1024;
}
