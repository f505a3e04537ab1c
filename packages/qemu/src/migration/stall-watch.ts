import { DeadlineError } from "@waybill/base";
import { QmpError } from "../qmp-error.ts";

/** Gives up a step in which nothing moves for too long: QEMU itself waits for ever on a dead network. */
export class StallWatch {
  readonly #what: string;
  readonly patience: number;
  #value = -1;
  #since = performance.now();
  #rate = 0;

  /** @param patience in milliseconds. */
  constructor(what: string, patience = 30_000) {
    this.#what = what;
    this.patience = patience;
  }

  /** Returns how fast the value grows, per second. */
  moved(value: number): number {
    const now = performance.now();
    if (value !== this.#value) {
      if (this.#value >= 0) this.#rate = ((value - this.#value) * 1000) / Math.max(1, now - this.#since);
      this.#value = value;
      this.#since = now;
    } else if (now - this.#since > this.patience) throw this.#stalled();
    return this.#rate;
  }

  /** A QEMU that does not answer stands still as well: it waits for the network with its main lock held. */
  async answer<T>(reply: Promise<T>): Promise<T> {
    try {
      return await reply;
    } catch (error) {
      throw error instanceof DeadlineError ? this.#stalled(error) : error;
    }
  }

  #stalled(cause?: unknown): QmpError {
    return new QmpError(`${this.#what} came to a standstill ${this.patience} ms ago`, {
      code: "MIGRATION_STALLED",
      family: "environment",
      facts: { step: this.#what, milliseconds: this.patience },
      remedy: "Check the network between the two hosts.",
      cause,
    });
  }
}
