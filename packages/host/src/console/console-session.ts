import { randomUUID } from "node:crypto";
import type { EpochMs } from "@waybill/base";
import type { ConsoleEnd, ConsoleOutput } from "@waybill/hyperv";
import { OutputBuffer } from "./output-buffer.ts";

/** A machine's serial port, as somebody is connected to it. */
export interface SerialLine {
  write(bytes: Uint8Array): void;
  /** Bytes written that the machine has not read yet. */
  readonly backlog: number;
  close(): void;
}

/** Who is at which machine's console. */
export interface ConsoleOwner {
  /** The principal, as the KDC signed it. */
  readonly person: string;
  readonly vm: { readonly id: string; readonly name: string };
}

/** Output kept for somebody who is slow to ask; the machine never waits for anybody. */
const keptOutput = 256 * 1024;
/** Bytes of one answer. */
const largestRead = 64 * 1024;
/** Typed bytes that may wait for a machine that does not read. */
const largestBacklog = 64 * 1024;

/** One person at one console: a machine's output, kept until it is asked for, and what they type. */
export class ConsoleSession {
  readonly id = randomUUID();
  readonly owner: ConsoleOwner;
  readonly #output = new OutputBuffer(keptOutput);
  #line: SerialLine | undefined;
  #typed = 0;
  #end: ConsoleEnd | undefined;
  #wake: (() => void) | undefined;
  #lastSeen: EpochMs;

  constructor(owner: ConsoleOwner, now: EpochMs) {
    this.owner = owner;
    this.#lastSeen = now;
  }

  get end(): ConsoleEnd | undefined {
    return this.#end;
  }

  /** Bytes typed and bytes said. */
  get traffic(): { readonly typed: number; readonly said: number } {
    return { typed: this.#typed, said: this.#output.end };
  }

  connect(line: SerialLine): void {
    // Somebody else may have taken it before the line stood.
    if (this.#end === undefined) this.#line = line;
    else line.close();
  }

  hear(bytes: Uint8Array): void {
    this.#output.append(bytes);
    this.#wake?.();
  }

  /** Nothing more comes of it; what was said before can still be read. */
  finish(end: ConsoleEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#line?.close();
    this.#line = undefined;
    this.#wake?.();
  }

  /** Whoever asks twice at a time is answered once: the earlier question ends with what there is. */
  async read(offset: number, wait: number, now: () => EpochMs): Promise<ConsoleOutput> {
    this.#wake?.();
    this.#lastSeen = now();
    if (this.#end === undefined && offset >= this.#output.end && wait > 0) await this.#change(wait);
    this.#lastSeen = now();
    const { offset: from, bytes } = this.#output.read(offset, largestRead);
    const last = from + bytes.length >= this.#output.end;
    return last && this.#end !== undefined
      ? { offset: from, bytes, end: this.#end }
      : { offset: from, bytes };
  }

  /** Takes the bytes that are new; none while earlier ones wait for the machine. @returns where the next one stands. */
  write(offset: number, bytes: Uint8Array, now: EpochMs): number {
    this.#lastSeen = now;
    const fresh = bytes.subarray(this.#typed - offset);
    if (this.#line === undefined || this.#line.backlog > largestBacklog || fresh.length === 0)
      return this.#typed;
    this.#line.write(fresh);
    this.#typed += fresh.length;
    return this.#typed;
  }

  /** Where the next byte to be typed stands. */
  get typed(): number {
    return this.#typed;
  }

  /** How long nobody has asked for anything, in milliseconds. */
  idle(now: EpochMs): number {
    return this.#wake === undefined ? now - this.#lastSeen : 0;
  }

  async #change(wait: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        if (this.#wake === done) this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, wait);
      this.#wake = done;
    });
  }
}
