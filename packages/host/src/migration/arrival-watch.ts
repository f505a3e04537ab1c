import { type Logger, sleep } from "@waybill/base";
import { type MigrationTarget, QmpError, StallWatch } from "@waybill/qemu";

export interface ArrivalWatchOptions {
  /** What is being received, as it should read in the error message. */
  readonly what: string;
  /** How long nothing may happen, in milliseconds. */
  readonly patience: number;
  readonly logger: Logger;
}

/**
 * Ends a conversation in which nothing happens any more: a source that only says "alive" must not hold a slot for
 * ever. What counts is what this host sees for itself: bytes on the connections of memory and disks, and steps of the
 * protocol.
 */
export class ArrivalWatch {
  readonly #target: MigrationTarget;
  readonly #logger: Logger;
  readonly #stall: StallWatch;
  readonly #interval: number;
  readonly #standstill = new AbortController();
  readonly #end = new AbortController();
  #received = 0;
  #steps = 0;
  #blind = false;

  constructor(target: MigrationTarget, { what, patience, logger }: ArrivalWatchOptions) {
    this.#target = target;
    this.#logger = logger;
    this.#stall = new StallWatch(what, patience);
    this.#interval = Math.min(patience / 4, 5000);
    void this.#watch();
  }

  /** Fires, with the QmpError `MIGRATION_STALLED`, when nothing has happened for too long. */
  get signal(): AbortSignal {
    return this.#standstill.signal;
  }

  /** @throws QmpError as the signal says, in the place of what its firing has broken off. */
  demandProgress(): void {
    this.signal.throwIfAborted();
  }

  /** The source has taken a step of the protocol. */
  step(): void {
    this.#steps++;
  }

  stop(): void {
    this.#end.abort();
  }

  async #watch(): Promise<void> {
    try {
      for (;;) {
        // Quick moves are over before anything needs to be measured.
        await sleep(this.#interval, this.#end.signal);
        this.#stall.moved((await this.#measure()) + this.#steps);
      }
    } catch (error) {
      if (!this.#end.signal.aborted) this.#standstill.abort(error);
    }
  }

  async #measure(): Promise<number> {
    try {
      this.#received = await this.#target.received();
    } catch (error) {
      // A QEMU that does not say where it listens receives nothing; where the kernel cannot be asked, nobody is blamed.
      if (error instanceof QmpError && !error.code.startsWith("PROGRAM_")) return this.#received;
      if (!this.#blind) this.#logger.warn("progress-not-measured", { error });
      this.#blind = true;
      this.#received++;
    }
    return this.#received;
  }
}
