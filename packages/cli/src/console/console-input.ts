import type { ReadStream } from "node:tty";
import { AbortedError } from "@waybill/base";

/** Ctrl-], as telnet and virsh have it. */
const leaveKey = 0x1d;
/** Beyond that the keyboard, or the pipe, waits. */
const largestBacklog = 256 * 1024;
const endings = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** What is typed, or piped, into a console, and kept until the machine has taken it. */
export class ConsoleInput {
  readonly #stdin: ReadStream;
  readonly #leaving = new AbortController();
  #waiting = Buffer.alloc(0);
  #ended = false;
  #wake: (() => void) | undefined;
  readonly #leave = (): void => this.#leaving.abort();
  readonly #restore = (): void => {
    if (this.#stdin.isTTY) this.#stdin.setRawMode(false);
  };
  readonly #take = (chunk: Buffer): void => {
    const key = chunk.indexOf(leaveKey);
    this.#waiting = Buffer.concat([this.#waiting, key < 0 ? chunk : chunk.subarray(0, key)]);
    if (key >= 0 && this.#stdin.isTTY) this.#leave();
    else if (key >= 0) this.#end();
    if (this.#waiting.length > largestBacklog) this.#stdin.pause();
    this.#wake?.();
  };
  readonly #end = (): void => {
    this.#ended = true;
    this.#stdin.off("data", this.#take);
    this.#wake?.();
  };

  constructor(stdin: ReadStream = process.stdin) {
    this.#stdin = stdin;
  }

  /** Fires when the person wants to leave: by the key, or by ending the program. */
  get leaving(): AbortSignal {
    return this.#leaving.signal;
  }

  /** From here on every key goes to the machine. The terminal is itself again whatever ends the program. */
  start(): void {
    if (this.#stdin.listeners("data").includes(this.#take) || this.#ended) return;
    for (const ending of endings) process.on(ending, this.#leave);
    process.once("exit", this.#restore);
    if (this.#stdin.isTTY) this.#stdin.setRawMode(true);
    this.#stdin.on("data", this.#take);
    this.#stdin.once("end", this.#end);
    this.#stdin.once("error", this.#end);
    this.#stdin.resume();
  }

  close(): void {
    for (const ending of endings) process.off(ending, this.#leave);
    process.off("exit", this.#restore);
    this.#restore();
    this.#stdin.off("data", this.#take);
    this.#stdin.pause();
  }

  /** What waits to be sent, once there is something; nothing when no more will come. */
  async next(signal: AbortSignal): Promise<Uint8Array | undefined> {
    while (this.#waiting.length === 0 && !this.#ended) {
      if (signal.aborted) throw new AbortedError("typing", signal.reason);
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          signal.removeEventListener("abort", wake);
          resolve();
        };
        signal.addEventListener("abort", wake, { once: true });
        this.#wake = wake;
      });
    }
    return this.#waiting.length === 0 ? undefined : this.#waiting;
  }

  /** So many of the bytes that waited were taken by the machine. */
  taken(count: number): void {
    this.#waiting = this.#waiting.subarray(count);
    if (this.#waiting.length < largestBacklog && !this.#ended) this.#stdin.resume();
  }
}
