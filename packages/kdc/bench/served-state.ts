import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseKeytab } from "@waybill/kerberos";
import { loopbackAddress } from "../../kerberos/test/support/processes.ts";
import { withChildren } from "./load.ts";
import { end, runBundled } from "./ours.ts";
import { benchProxyTarget, benchRealm, benchService, type Contender, middleTier } from "./rivals.ts";

/** A controller as `waybill dc serve` runs it. */
export interface ServedState extends Contender {
  /** From the start of the process until everything listens. */
  readonly readyMilliseconds: number;
  residentMebibytes(): number;
}

/** A state directory on disk with so many accounts. Made once, served as often as wanted. */
export class BenchState {
  readonly #dir: string;

  private constructor(dir: string) {
    this.#dir = dir;
  }

  static async fill(accounts: number): Promise<BenchState> {
    const dir = mkdtempSync(join(tmpdir(), "waybill-bench-"));
    const { child } = await runBundled(join(import.meta.dirname, "fill-state.ts"), dir, [
      dir,
      String(accounts),
    ]);
    await end(child);
    return new BenchState(dir);
  }

  async serve(workers: number): Promise<ServedState> {
    const host = loopbackAddress();
    const args = [join(this.#dir, "state"), host, String(workers)];
    const { child, said } = await runBundled(join(import.meta.dirname, "serve-state.ts"), this.#dir, args);
    const pid = child.pid ?? 0;
    return {
      realm: benchRealm,
      host,
      port: 88,
      pids: [pid],
      users: parseKeytab(readFileSync(join(this.#dir, "users.keytab"))),
      services: parseKeytab(readFileSync(join(this.#dir, "services.keytab"))),
      middle: middleTier,
      service: benchService,
      proxyTarget: benchProxyTarget,
      readyMilliseconds: Number(said.split(" ")[1]),
      residentMebibytes: () => withChildren(pid).reduce((sum, each) => sum + resident(each), 0),
      stop: async () => await end(child),
    };
  }

  remove(): void {
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

function resident(pid: number): number {
  const [, kibibytes = "0"] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kibibytes) / 1024;
}
