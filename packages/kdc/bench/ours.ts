import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { parseKeytab } from "@waybill/kerberos";
import { bundle } from "../../../tools/bundle.mjs";
import { loopbackAddress } from "../../kerberos/test/support/processes.ts";
import { benchProxyTarget, benchRealm, benchService, type Contender, middleTier } from "./rivals.ts";

/** Our KDC with a small directory in memory, in a process of its own, bundled as it is installed. */
export async function startOurs(): Promise<Contender> {
  const dir = mkdtempSync(join(tmpdir(), "waybill-bench-"));
  const host = loopbackAddress();
  const port = 88;
  const { child } = await runBundled(join(import.meta.dirname, "serve.ts"), dir, [dir, host, String(port)]);
  return {
    realm: benchRealm,
    host,
    port,
    pids: [child.pid ?? 0],
    users: parseKeytab(readFileSync(join(dir, "users.keytab"))),
    services: parseKeytab(readFileSync(join(dir, "services.keytab"))),
    middle: middleTier,
    service: benchService,
    proxyTarget: benchProxyTarget,
    stop: async () => {
      await end(child);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Bundles a program into a directory and runs it until it prints a line that starts with `ready`. */
export async function runBundled(
  source: string,
  dir: string,
  args: readonly string[],
): Promise<{ readonly child: ChildProcess; readonly said: string }> {
  const name = basename(source, ".ts");
  // Native packages are found through a link, for the bundle lies in a directory of its own.
  const link = join(dir, "node_modules");
  if (!existsSync(link)) symlinkSync(join(import.meta.dirname, "../../../node_modules"), link);
  await bundle({ [name]: source }, dir);
  const script = join(dir, `${name}.mjs`);
  const child = spawn(process.execPath, [script, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  for await (const line of createInterface(child.stdout)) {
    if (line.startsWith("ready")) return { child, said: line };
  }
  throw new Error(`${source} ended before it was ready`);
}

export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  await gone;
}
