import { LdapError } from "../errors.ts";

/** The reason an operation's signal fires with when the client gave it up. */
export const abandoned = new LdapError({ resultCode: "canceled", diagnosticMessage: "abandoned" });

export interface FlowOptions {
  /** Operations under way at once; the next ones wait unread. */
  readonly maxOperations: number;
  /** Counts a request: milliseconds until the next one should be read. */
  readonly delay?: (() => number) | undefined;
  pause(): void;
  resume(): void;
}

/** What one connection has under way, and so when its next request is read. */
export class RequestFlow {
  readonly #options: FlowOptions;
  readonly #running = new Map<number, AbortController>();
  #exclusive = false;
  #stopping = false;
  #closed = false;
  #held: NodeJS.Timeout | undefined;
  #lastActive = Date.now();
  #waiters: (() => void)[] = [];

  constructor(options: FlowOptions) {
    this.#options = options;
  }

  /** When the client was last heard or served; `undefined` while it is busy. */
  get idleSince(): number | undefined {
    return this.#running.size > 0 || this.#exclusive ? undefined : this.#lastActive;
  }

  isRunning(messageID: number): boolean {
    return this.#running.has(messageID);
  }

  /** A message came: a client over its rate is not read for a while. */
  heard(): void {
    this.#lastActive = Date.now();
    const wait = this.#options.delay?.() ?? 0;
    if (wait === 0) return;
    this.#options.pause();
    clearTimeout(this.#held);
    this.#held = setTimeout(() => {
      this.#held = undefined;
      this.#resume();
    }, wait);
  }

  begin(messageID: number): AbortController {
    const controller = new AbortController();
    this.#running.set(messageID, controller);
    if (this.#running.size >= this.#options.maxOperations) this.#options.pause();
    return controller;
  }

  /** The operation is answered: whoever waited for that may go on. */
  end(messageID: number): void {
    this.#running.delete(messageID);
    this.#settled();
  }

  abandon(messageID: number): void {
    this.#running.get(messageID)?.abort(abandoned);
  }

  /** Runs something before which all else is given up and behind which all else waits. */
  async runAlone(work: () => Promise<void>): Promise<void> {
    this.#exclusive = true;
    this.#options.pause();
    this.#abandonAll();
    try {
      await work();
    } finally {
      this.#exclusive = false;
      this.#settled();
    }
  }

  /** Takes no more requests; resolves when those under way are answered. */
  async finish(): Promise<void> {
    this.#stopping = true;
    this.#options.pause();
    while (this.idleSince === undefined && !this.#closed) {
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#held);
    this.#abandonAll();
    this.#wakeWaiters();
  }

  #abandonAll(): void {
    for (const controller of this.#running.values()) controller.abort(abandoned);
  }

  #settled(): void {
    this.#lastActive = Date.now();
    this.#wakeWaiters();
    this.#resume();
  }

  #resume(): void {
    const free = !this.#exclusive && this.#running.size < this.#options.maxOperations;
    if (free && !this.#stopping && !this.#closed && this.#held === undefined) this.#options.resume();
  }

  #wakeWaiters(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const resolve of waiters) resolve();
  }
}
