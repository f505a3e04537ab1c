import { DeadlineError, sleep } from "@waybill/base";
import type { VirtualMachine } from "../machine/virtual-machine.ts";
import { isUnderWay, type MigrationInfo, type MigrationStatus } from "../qmp/migration-info.ts";
import { ignoreRefusal, QmpError } from "../qmp-error.ts";
import { type CancelOutcome, callBack, runAgain } from "./call-back.ts";
import { DiskMirror } from "./disk-mirror.ts";
import { handOverUnknown, migrationFailed } from "./migration-failures.ts";
import { MigrationNews } from "./migration-news.ts";
import { type MigrationOptions, migrationCapabilities, migrationParameters } from "./migration-options.ts";
import {
  diskProgress,
  type MigrationProgress,
  type MigrationSummary,
  memoryProgress,
} from "./migration-progress.ts";
import type { SocketAddress, TargetOptions } from "./migration-target.ts";
import { StallWatch } from "./stall-watch.ts";
import { sweepKeys, TlsCredentials } from "./tls-psk.ts";

export interface StepOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: MigrationProgress) => void) | undefined;
  /** How often progress is read, in ms; 200 unless given. */
  readonly interval?: number;
  /**
   * QEMU waits for ever on a dead network: a step in which nothing moves for this long, in ms, is given up.
   * 30 s unless given.
   */
  readonly stallTimeout?: number;
}

/**
 * The sending QEMU of one migration, in explicit steps:
 *
 *     prepare → mirrorDisks? → sendMemory → finishMirror? → handOver → quit
 *
 * After `sendMemory` the guest is stopped here, and the destination has all but the last of its memory. Up to
 * `handOver` everything can be undone with `cancel`. When `handOver` returns, the guest will never run here
 * again; only then may the destination be told to run.
 */
export class MigrationSource {
  readonly vm: VirtualMachine;
  #credentials: TlsCredentials | undefined;
  #mirror: DiskMirror | undefined;
  #wasRunning = true;
  #secretsRoot: string | undefined;

  /** Also takes up a migration that is under way, after a restart of this process. */
  constructor(vm: VirtualMachine) {
    this.vm = vm;
  }

  /**
   * Sets the options, which must be the destination's, and the key.
   *
   * @throws QmpError VM_INCOMING, MIGRATION_BUSY.
   */
  async prepare(
    options: TargetOptions & { readonly runAs?: { readonly uid: number; readonly gid: number } },
  ): Promise<void> {
    if (this.vm.incoming)
      throw new QmpError(`${this.vm.name} has not arrived here itself`, {
        code: "VM_INCOMING",
        family: "caller",
      });
    const { status } = await this.vm.migration();
    if (isUnderWay(status))
      throw new QmpError(`${this.vm.name} is being migrated already`, {
        code: "MIGRATION_BUSY",
        family: "caller",
        remedy: "Wait for that migration, or cancel it.",
      });
    this.#secretsRoot = options.secretsRoot;
    await this.#removeCredentials();
    const capabilities = migrationCapabilities(options.migration);
    await this.vm.execute("migrate-set-capabilities", { capabilities });
    if (options.secret !== undefined)
      this.#credentials = await TlsCredentials.create(this.vm, options.secret, {
        endpoint: "client",
        secretsRoot: options.secretsRoot,
        owner: options.runAs,
      });
    const tls = this.#credentials?.id ?? "";
    await this.vm.execute("migrate-set-parameters", {
      ...migrationParameters(options.migration),
      "tls-creds": tls,
    });
  }

  /** Starts copying the disks and waits until both sides are the same. The copies stay the same until `finishMirror`. */
  async mirrorDisks(to: SocketAddress, options: StepOptions = {}): Promise<void> {
    const started = performance.now();
    this.#mirror = await DiskMirror.start(this.vm, to, {
      credentials: this.#credentials?.id,
      signal: options.signal,
    });
    const stall = new StallWatch("copying the disks", options.stallTimeout);
    try {
      for (;;) {
        const disks = await stall.answer(this.#mirror.progress(stall.patience));
        const progress = diskProgress(disks, performance.now() - started);
        const bytesPerSecond = stall.moved(progress.transferred);
        options.onProgress?.({ ...progress, bytesPerSecond });
        if (disks.every((disk) => disk.ready)) return;
        await sleep(options.interval ?? 200, options.signal);
      }
    } catch (error) {
      await this.#undo(error);
      throw error;
    }
  }

  /**
   * Sends the guest's memory while it runs, and stops it for the switchover. Throws on failure with the guest
   * running here as if nothing had been, and cancels by itself when a mirror breaks, nothing moves or the
   * signal fires.
   *
   * @throws QmpError MIGRATION_FAILED with QEMU's reason, MIGRATION_STALLED, MIRROR_FAILED; AbortedError.
   */
  async sendMemory(to: SocketAddress, options: StepOptions = {}): Promise<void> {
    const started = performance.now();
    this.#wasRunning = (await this.vm.status()).running;
    const news = new MigrationNews(this.vm);
    try {
      await this.vm.execute("migrate", { uri: migrationUri(to) });
      const stall = new StallWatch("sending memory", options.stallTimeout);
      for (;;) {
        const info = await stall.answer(this.vm.migration({ timeout: stall.patience }));
        if (info.status === "pre-switchover") return;
        if (info.status === "failed" || info.status === "cancelled")
          throw migrationFailed(this.vm.name, info);
        const disks =
          this.#mirror === undefined ? [] : await stall.answer(this.#mirror.progress(stall.patience));
        stall.moved((info.ram?.transferred ?? 0) + (info.ram?.pass ?? 0));
        options.onProgress?.(memoryProgress(info, disks, performance.now() - started));
        await news.wait(options.interval ?? 200, options.signal);
        // The guest stands still from here on: no more questions.
        if (news.status === "pre-switchover") return;
      }
    } catch (error) {
      await this.#undo(error);
      throw error;
    } finally {
      news.stop();
    }
  }

  /** At any time while memory is being sent: the rest of it follows after the switchover. Needs `postCopy`. */
  async switchToPostCopy(): Promise<void> {
    await this.vm.execute("migrate-start-postcopy");
  }

  /** New limits while memory is being sent: bytes per second (0 is none), ms. */
  async adjust(limits: Partial<Pick<MigrationOptions, "maxBandwidth" | "downtimeLimit">>): Promise<void> {
    const { "max-bandwidth": bandwidth, "downtime-limit": downtime } = migrationParameters({
      channels: 1,
      compression: "none",
      autoConverge: false,
      postCopy: false,
      maxBandwidth: limits.maxBandwidth ?? 0,
      downtimeLimit: limits.downtimeLimit ?? 0,
    });
    await this.vm.execute("migrate-set-parameters", {
      ...(limits.maxBandwidth === undefined ? {} : { "max-bandwidth": bandwidth }),
      ...(limits.downtimeLimit === undefined ? {} : { "downtime-limit": downtime }),
    });
  }

  /** With the guest stopped: the copies of the disks become complete and final. */
  async finishMirror(
    options: { readonly timeout?: number; readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    const mirror = this.#mirror ?? (await DiskMirror.adopt(this.vm));
    await mirror?.finish(options);
    this.#mirror = undefined;
  }

  /**
   * Sends the rest and gives the guest up. Returns when the destination has confirmed that it has everything
   * (`completed`), or, after `switchToPostCopy`, when the guest can only run there (`postcopy-active`).
   *
   * @throws QmpError MIGRATION_FAILED: the guest is here, `running` in its facts says whether it runs;
   * HAND_OVER_UNKNOWN when neither side's word has come in time: `cancel` decides.
   */
  async handOver(
    options: { readonly timeout?: number; readonly signal?: AbortSignal } = {},
  ): Promise<MigrationStatus> {
    const { timeout = 30_000, signal } = options;
    const news = new MigrationNews(this.vm);
    const end = performance.now() + timeout;
    try {
      // It is refused when the switchover is not waited with, as with post-copy.
      await this.vm.execute("migrate-continue", { state: "pre-switchover" }).catch(ignoreRefusal);
      for (;;) {
        await news.wait(50, signal);
        if (news.status === "completed" || news.status === "postcopy-active") return news.status;
        // QEMU holds its main lock while it writes the last state: on a dead network it answers nothing.
        const left = Math.max(50, end - performance.now());
        const info = await this.vm.migration({ timeout: left, signal });
        if (info.status === "completed" || info.status === "postcopy-active") return info.status;
        if (info.status === "failed" || info.status === "cancelled")
          throw migrationFailed(this.vm.name, info, (await this.vm.status()).running);
        if (performance.now() > end) throw handOverUnknown(this.vm.name, info.status);
      }
    } catch (error) {
      throw error instanceof DeadlineError ? handOverUnknown(this.vm.name, "no answer", error) : error;
    } finally {
      news.stop();
    }
  }

  /**
   * After post-copy: until the last page is there. Until then the guest needs both sides and the network
   * between them: that is post-copy's price.
   */
  async awaitCompletion(options: StepOptions = {}): Promise<void> {
    const started = performance.now();
    for (;;) {
      const info = await this.vm.migration({ signal: options.signal });
      options.onProgress?.(memoryProgress(info, [], performance.now() - started));
      if (info.status === "completed") return;
      if (info.status === "failed" || info.status === "postcopy-paused")
        throw migrationFailed(this.vm.name, info);
      await sleep(options.interval ?? 100, options.signal);
    }
  }

  /** Where the migration is; also for one this process did not start. */
  async status(): Promise<MigrationInfo> {
    return await this.vm.migration();
  }

  /** QEMU's figures of the completed migration. They follow its status a few ms later. */
  async summary(): Promise<MigrationSummary> {
    let info = await this.vm.migration();
    for (let attempt = 0; attempt < 100 && info.totalTime === 0; attempt++) {
      await sleep(10);
      info = await this.vm.migration();
    }
    return {
      totalTime: info.totalTime,
      setupTime: info.setupTime,
      downtime: info.downtime ?? 0,
      transferred: info.ram?.transferred ?? 0,
      passes: info.ram?.pass ?? 0,
    };
  }

  /**
   * Stops the migration, whatever it is doing, and sees to it that the guest runs here again if it ran
   * before. Once completed nothing is undone, and the outcome says so. A destination must be abandoned
   * before its source is cancelled in `device` state or is known never to have been activated.
   *
   * @throws QmpError POSTCOPY_CANNOT_CANCEL: the guest's memory is divided between both sides.
   */
  async cancel(): Promise<CancelOutcome> {
    const status = await callBack(this.vm, this.#mirror);
    this.#mirror = undefined;
    if (status !== "completed") {
      await runAgain(this.vm, this.#wasRunning);
      await this.#removeCredentials();
    }
    return { status, running: (await this.vm.status()).running };
  }

  /** After success: ends the empty source. */
  async quit(): Promise<void> {
    const { status } = await this.vm.migration();
    if (status !== "completed")
      throw new QmpError(`${this.vm.name} is still needed here (migration is ${status})`, {
        code: "SOURCE_STILL_NEEDED",
        family: "caller",
        facts: { name: this.vm.name, status },
      });
    await this.vm.stop({ mode: "force" });
  }

  /** Cancels because of `reason`. Throws only when the guest may not run here afterwards. */
  async #undo(reason: unknown): Promise<void> {
    try {
      await this.cancel();
    } catch (error) {
      if (error instanceof QmpError && error.code === "VM_GONE") throw error;
      throw new QmpError(`migrating ${this.vm.name} failed and could not be undone`, {
        code: "MIGRATION_UNDO_FAILED",
        family: "environment",
        facts: { name: this.vm.name, undoing: error instanceof Error ? error.message : "unknown" },
        cause: reason,
        remedy: "See what its QEMU does (its log, its process) before it is started again.",
      });
    }
  }

  async #removeCredentials(): Promise<void> {
    await sweepKeys(this.vm.directory, "client", this.#secretsRoot);
    await this.vm.execute("migrate-set-parameters", { "tls-creds": "" });
    await this.vm.execute("object-del", { id: "tls-client" }).catch(ignoreRefusal);
    this.#credentials = undefined;
  }
}

function migrationUri({ host, port }: SocketAddress): string {
  return `tcp:${host.includes(":") ? `[${host}]` : host}:${port}`;
}
