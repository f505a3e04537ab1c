import { connect } from "node:net";
import { withDeadline } from "@waybill/base";
import { diskNode } from "../definition/command-line.ts";
import type { VirtualMachine } from "../machine/virtual-machine.ts";
import { ignoreRefusal, QmpError } from "../qmp-error.ts";
import type { DiskProgress } from "./migration-progress.ts";
import type { SocketAddress } from "./migration-target.ts";
import { remoteNodePrefix, tearOut, unstick } from "./tear-out.ts";

/**
 * Copies the disks of a running machine to NBD exports of the same names and keeps both the same: once
 * ready, every guest write goes to both before the guest hears that it is done, so little is left to do at
 * the switchover and no acknowledged write can be missing.
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
          "auto-dismiss": false,
        });
      }
      return mirror;
    } catch (error) {
      await mirror.cancel();
      throw error;
    }
  }

  /** @throws QmpError MIRROR_FAILED as soon as any disk's copying has ended by itself. */
  async progress(timeout = 10_000): Promise<readonly DiskProgress[]> {
    const jobs = await this.#vm.execute("query-block-jobs", {}, { timeout });
    const failed = jobs.find((job) => job.error !== undefined);
    if (failed !== undefined) throw mirrorFailed(failed.id, failed.error);
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
    await withDeadline({ what: "the last writes of the disks", timeout, signal }, async () => {
      const all = this.#untilEnded(signal);
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

  /** Stops copying; the guest keeps its own disks. A connection that does not react is torn out. */
  async cancel(): Promise<void> {
    for (const id of this.#disks)
      await unstick(this.#vm, async () => {
        const job = { device: jobId(id), force: true };
        await this.#vm.execute("block-job-cancel", job, { timeout: 2000 }).catch(ignoreRefusal);
      });
    if (!(await this.#jobsEnd(1000))) {
      await tearOut(this.#vm);
      await this.#jobsEnd(10_000);
    }
    await this.#removeJobs();
    this.#stopListening();
  }

  async #untilEnded(signal: AbortSignal | undefined): Promise<void> {
    while (this.#disks.some((id) => !this.#ended.has(id)))
      await new Promise<void>((resolve, reject) => {
        const stop = this.#vm.onEvent(() => {
          stop();
          resolve();
        });
        signal?.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
      });
  }

  async #jobsEnd(patience: number): Promise<boolean> {
    const end = performance.now() + patience;
    for (;;) {
      const jobs = await this.#vm.execute("query-jobs");
      const running = jobs.some((job) => this.#isOurs(job.id) && job.status !== "concluded");
      if (!running) return true;
      if (performance.now() > end) return false;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async #removeJobs(): Promise<void> {
    for (const job of await this.#vm.execute("query-jobs"))
      if (this.#isOurs(job.id)) await this.#vm.execute("job-dismiss", { id: job.id }).catch(ignoreRefusal);
    for (const id of this.#disks)
      await this.#vm.execute("blockdev-del", { "node-name": remoteNode(id) }).catch(ignoreRefusal);
  }

  #isOurs(job: string): boolean {
    return this.#disks.some((id) => jobId(id) === job);
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
