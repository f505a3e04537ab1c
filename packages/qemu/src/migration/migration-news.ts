import { AbortedError } from "@waybill/base";
import type { VirtualMachine } from "../machine/virtual-machine.ts";
import type { MigrationStatus } from "../qmp/migration-info.ts";

/** What QEMU reports of a migration by itself: ends a pause early, and often spares the question. */
export class MigrationNews {
  readonly #stop: () => void;
  #status: MigrationStatus | undefined;
  #fresh = false;
  #wake: (() => void) | undefined;

  constructor(vm: VirtualMachine) {
    this.#stop = vm.onEvent(({ name, data }) => {
      if (name === "MIGRATION") this.#status = data.status as MigrationStatus;
      else if (!name.startsWith("BLOCK_JOB_")) return;
      this.#fresh = true;
      this.#wake?.();
    });
  }

  /** The status last reported; events are lost with the connection, so that none says nothing. */
  get status(): MigrationStatus | undefined {
    return this.#status;
  }

  /** Waits for something new, `milliseconds` at most. */
  async wait(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) throw new AbortedError("the migration", signal.reason);
    if (!this.#fresh)
      await new Promise<void>((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          signal?.removeEventListener("abort", done);
          resolve();
        };
        const timer = setTimeout(done, milliseconds);
        this.#wake = done;
        signal?.addEventListener("abort", done, { once: true });
      });
    this.#fresh = false;
    if (signal?.aborted) throw new AbortedError("the migration", signal.reason);
  }

  stop(): void {
    this.#stop();
  }
}
