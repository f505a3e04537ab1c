/** Times in ms. */
export interface PingScore {
  readonly sent: number;
  readonly received: number;
  /** Longest time without an answer. */
  readonly largestGap: number;
}

/** Echo requests at a steady interval, and what came back. */
export class PingWatch {
  readonly #timer: NodeJS.Timeout;
  readonly #open = new Set<number>();
  #sent = 0;
  #received = 0;
  #largestGap = 0;
  #lastAt = performance.now();
  #stopped: (() => void) | undefined;

  constructor(interval: number, send: () => number | undefined) {
    this.#timer = setInterval(() => {
      const sequence = send();
      if (sequence === undefined) return;
      this.#sent++;
      this.#open.add(sequence);
    }, interval);
  }

  answered(sequence: number): void {
    if (!this.#open.delete(sequence)) return;
    const now = performance.now();
    this.#largestGap = Math.max(this.#largestGap, now - this.#lastAt);
    this.#lastAt = now;
    this.#received++;
  }

  score(): PingScore {
    const gap = Math.max(this.#largestGap, performance.now() - this.#lastAt);
    return { sent: this.#sent, received: this.#received, largestGap: gap };
  }

  onStop(stopped: () => void): void {
    this.#stopped = stopped;
  }

  stop(): PingScore {
    clearInterval(this.#timer);
    this.#stopped?.();
    return this.score();
  }
}
