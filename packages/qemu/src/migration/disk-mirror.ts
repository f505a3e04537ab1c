import { connect } from "node:net";
import { sleep, withDeadline } from "@waybill/base";
import { diskNode } from "../definition/command-line.ts";
import type { VirtualMachine } from "../machine/virtual-machine.ts";
import type { QmpAnswer } from "../qmp/commands.ts";
import { ignoreRefusal, QmpError } from "../qmp-error.ts";
import type { DiskProgress } from "./migration-progress.ts";
import type { SocketAddress } from "./migration-target.ts";
import { remoteNodePrefix, tearOut } from "./tear-out.ts";

/**
 * Copies the disks of a running machine to NBD exports of the same names and keeps both the same: every guest
 * write goes to both before the guest hears that it is done, so little is left to do at the switchover and
 * no acknowledged write can be missing.
 *
 * QEMU 7.2 frees what such a mirror still uses when the mirror ends while a guest write is under way, and
 * dies of it sooner or later. So a mirror never ends while the guest runs: an error at the destination makes
 * the job pause instead of end, and ending it stops the guest for the few milliseconds that takes.
 */
export class DiskMirror {
  readonly #vm: VirtualMachine;
  readonly #disks: readonly string[];
  readonly #ended = new Map<string, string | undefined>();
  readonly #stopListening: () => void;
  #last = new Map<string, DiskProgress>();

  private constructor(vm: VirtualMachine, disks: readonly string[]) {
    this.#vm = vm;
    this.#disks = disks;
    this.#stopListening = vm.onEvent(({ name, data }) => {
      const disk = disks.find((id) => jobId(id) === data.device);
      if (disk === undefined || (name !== "BLOCK_JOB_COMPLETED" && name !== "BLOCK_JOB_CANCELLED")) return;
      const error = typeof data.error === "string" ? data.error : undefined;
      this.#ended.set(disk, name === "BLOCK_JOB_COMPLETED" ? error : "it was cancelled");
    });
  }

  static async start(
    vm: VirtualMachine,
    at: SocketAddress,
    options: { readonly credentials?: string | undefined; readonly signal?: AbortSignal | undefined },
  ): Promise<DiskMirror> {
    const disks = vm.definition.disks.filter((disk) => !disk.readOnly).map((disk) => disk.id);
    const mirror = new DiskMirror(vm, disks);
    // QEMU connects in its main loop: an address that swallows packets would stop it for minutes.
    await probe(at, options.signal);
    try {
      for (const id of disks) {
        const server = { type: "inet", host: at.host, port: String(at.port) };
        const tls = options.credentials === undefined ? {} : { "tls-creds": options.credentials };
        const node = {
          driver: "nbd",
          "node-name": remoteNode(id),
          server,
          export: id,
          discard: "unmap",
          ...tls,
        };
        await vm.execute("blockdev-add", node, { timeout: 30_000, signal: options.signal });
        await vm.execute("blockdev-mirror", {
          "job-id": jobId(id),
          device: diskNode(id),
          target: remoteNode(id),
          sync: "full",
          "copy-mode": "write-blocking",
          "on-target-error": "stop",
          "auto-dismiss": false,
        });
      }
      return mirror;
    } catch (error) {
      await mirror.cancel();
      throw error;
    }
  }

  /** The mirror that an earlier process left running, if there is one. */
  static async adopt(vm: VirtualMachine): Promise<DiskMirror | undefined> {
    const jobs = new Set((await vm.execute("query-jobs")).map(({ id }) => id));
    const disks = vm.definition.disks.map(({ id }) => id).filter((id) => jobs.has(jobId(id)));
    return disks.length === 0 ? undefined : new DiskMirror(vm, disks);
  }

  /** @throws QmpError MIRROR_FAILED as soon as any disk cannot be copied any further. */
  async progress(timeout = 10_000): Promise<readonly DiskProgress[]> {
    const jobs = await this.#vm.execute("query-block-jobs", {}, { timeout });
    for (const job of jobs) {
      if (job.error !== undefined) throw mirrorFailed(job.id, job.error);
      if (job.ioStatus === "nospace") throw mirrorFailed(job.id, "the destination has no space left");
      if (job.ioStatus === "failed") throw mirrorFailed(job.id, "writing at the destination failed");
    }
    return this.#disks.map((id) => {
      if (this.#ended.has(id)) throw mirrorFailed(id, this.#ended.get(id));
      const job = jobs.find((candidate) => candidate.id === jobId(id));
      const known = this.#last.get(id);
      if (job === undefined) throw mirrorFailed(id, "its job has gone");
      const progress = {
        id,
        copied: job.offset,
        total: job.length,
        ready: job.ready || known?.ready === true,
      };
      this.#last.set(id, progress);
      return progress;
    });
  }

  /**
   * With the guest stopped: lets every copy become complete and ends it. Only QEMU's word that a job is
   * *completed* counts; a *cancelled* one may have left a copy that differs.
   *
   * @throws QmpError MIRROR_FAILED; then the copy at the destination must not be used.
   */
  async finish(
    options: { readonly timeout?: number; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    const { timeout = 30_000, signal } = options;
    const disks = await this.progress();
    const unready = disks.find((disk) => !disk.ready);
    if (unready !== undefined) throw mirrorFailed(unready.id, "it is not complete yet");
    await withDeadline({ what: "the last writes of the disks", timeout, signal }, async (stopped) => {
      const all = this.#untilEnded(stopped);
      // A disk may fail while an order is still on its way, when nobody waits for the end yet.
      all.catch(() => {});
      for (const id of this.#disks) await this.#vm.execute("block-job-cancel", { device: jobId(id) });
      await all;
    });
    for (const id of this.#disks) {
      const error = this.#ended.get(id);
      if (error !== undefined) throw mirrorFailed(id, error);
    }
    await this.#removeJobs();
    this.#stopListening();
  }

  /**
   * Stops copying; the guest keeps its own disks. The connection is torn out first: QEMU would wait for a
   * network that has fallen silent.
   */
  async cancel(): Promise<void> {
    this.#stopListening();
    await tearOut(this.#vm, "disks");
    const running = (await this.#vm.status()).running && (await this.#jobs()).length > 0;
    if (running) await this.#vm.execute("stop");
    try {
      for (const { id, status } of await this.#jobs()) {
        if (status === "concluded") continue;
        await this.#vm.execute("block-job-cancel", { device: id, force: true }).catch(ignoreRefusal);
      }
      const end = performance.now() + 10_000;
      while ((await this.#jobs()).some(({ status }) => status !== "concluded") && performance.now() < end)
        await sleep(2);
    } finally {
      if (running) await this.#vm.execute("cont");
    }
    await this.#removeJobs();
  }

  async #untilEnded(signal: AbortSignal): Promise<void> {
    while (this.#disks.some((id) => !this.#ended.has(id)))
      await new Promise<void>((resolve, reject) => {
        const stop = this.#vm.onEvent(({ name, data }) => {
          stop();
          const disk = this.#disks.find((id) => jobId(id) === data.device);
          if (name === "BLOCK_JOB_ERROR" && disk !== undefined)
            reject(mirrorFailed(disk, "writing at the destination failed"));
          else resolve();
        });
        signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
      });
  }

  async #jobs(): Promise<QmpAnswer<"query-jobs">> {
    const ours = new Set(this.#disks.map(jobId));
    return (await this.#vm.execute("query-jobs")).filter(({ id }) => ours.has(id));
  }

  async #removeJobs(): Promise<void> {
    for (const { id } of await this.#jobs())
      await this.#vm.execute("job-dismiss", { id }).catch(ignoreRefusal);
    for (const id of this.#disks)
      await this.#vm.execute("blockdev-del", { "node-name": remoteNode(id) }).catch(ignoreRefusal);
  }
}

function jobId(disk: string): string {
  return `mirror-${disk}`;
}

function remoteNode(disk: string): string {
  return `${remoteNodePrefix}${disk}`;
}

async function probe(at: SocketAddress, signal: AbortSignal | undefined): Promise<void> {
  await withDeadline(
    { what: `a connection to ${at.host}:${at.port}`, timeout: 5000, signal },
    async (stopped) => {
      await new Promise<void>((resolve, reject) => {
        const socket = connect(at);
        stopped.addEventListener("abort", () => socket.destroy(), { once: true });
        socket.once("connect", () => resolve(void socket.destroy()));
        socket.once("error", (cause) => {
          const facts = { host: at.host, port: at.port };
          const message = `the destination's disk server ${at.host}:${at.port} cannot be reached`;
          reject(
            new QmpError(message, { code: "MIGRATION_UNREACHABLE", family: "environment", facts, cause }),
          );
        });
      });
    },
  );
}

function mirrorFailed(disk: string, why: string | undefined): QmpError {
  return new QmpError(`copying ${disk} failed: ${why ?? "it ended too early"}`, {
    code: "MIRROR_FAILED",
    family: "environment",
    facts: { disk },
    remedy: "The guest goes on where it was. Check the network and the free space at the destination.",
  });
}
