import { equalBytes } from "@waybill/base";

const slotCount = 512;
const slotSize = 8192;

/**
 * The latest requests and their answers, copied into one block of memory that is used again and again. What does
 * not fit into a slot is not kept.
 */
export class AnswerRing {
  readonly #memory = new Uint8Array(slotCount * slotSize);
  readonly #tags = new Float64Array(slotCount).fill(-1);
  readonly #requestLengths = new Uint16Array(slotCount);
  readonly #replyLengths = new Uint16Array(slotCount);
  #next = 0;

  add(tag: number, request: Uint8Array, reply: Uint8Array): void {
    if (request.length + reply.length > slotSize) return;
    const slot = this.#next;
    this.#next = (slot + 1) % slotCount;
    const start = slot * slotSize;
    this.#memory.set(request, start);
    this.#memory.set(reply, start + request.length);
    this.#tags[slot] = tag;
    this.#requestLengths[slot] = request.length;
    this.#replyLengths[slot] = reply.length;
  }

  /** The answer that exactly this request got. */
  find(tag: number, request: Uint8Array): Uint8Array | undefined {
    const slot = this.#tags.lastIndexOf(tag);
    if (slot < 0) return undefined;
    const start = slot * slotSize;
    const end = start + (this.#requestLengths[slot] ?? 0);
    if (!equalBytes(this.#memory.subarray(start, end), request)) return undefined;
    return this.#memory.slice(end, end + (this.#replyLengths[slot] ?? 0));
  }
}
