import { AbortedError } from "@waybill/base";

interface Queued {
  start(): void;
}

/** A limit on how many things happen at once; the rest wait in order. The limit may change at any time. */
export class Slots {
  #limit: number;
  #taken = 0;
  readonly #queue: Queued[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  get taken(): number {
    return this.#taken;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  set limit(limit: number) {
    this.#limit = limit;
    this.#admit();
  }

  get limit(): number {
    return this.#limit;
  }

  /** Waits for a slot; the function it resolves to gives the slot back, once. */
  async take(signal?: AbortSignal): Promise<() => void> {
    if (signal?.aborted) throw new AbortedError("waiting for a free migration slot", signal.reason);
    if (this.#queue.length === 0 && this.#taken < this.#limit) return this.#take();
    return await new Promise((resolve, reject) => {
      const queued: Queued = { start: () => resolve(this.#take()) };
      this.#queue.push(queued);
      signal?.addEventListener(
        "abort",
        () => {
          const at = this.#queue.indexOf(queued);
          if (at < 0) return;
          this.#queue.splice(at, 1);
          reject(new AbortedError("waiting for a free migration slot", signal.reason));
        },
        { once: true },
      );
    });
  }

  #take(): () => void {
    this.#taken++;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#taken--;
      this.#admit();
    };
  }

  #admit(): void {
    while (this.#taken < this.#limit) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      next.start();
    }
  }
}
