/** The newest bytes of a stream, each known by its place in the whole of it. */
export class OutputBuffer {
  readonly #ring: Uint8Array;
  #end = 0;

  constructor(capacity: number) {
    this.#ring = new Uint8Array(capacity);
  }

  /** Where the oldest byte that is still here stands. */
  get start(): number {
    return Math.max(0, this.#end - this.#ring.length);
  }

  get end(): number {
    return this.#end;
  }

  /** The oldest bytes make room. */
  append(bytes: Uint8Array): void {
    const { length: capacity } = this.#ring;
    const kept = bytes.subarray(Math.max(0, bytes.length - capacity));
    const at = (this.#end + bytes.length - kept.length) % capacity;
    const first = kept.subarray(0, capacity - at);
    this.#ring.set(first, at);
    this.#ring.set(kept.subarray(first.length), 0);
    this.#end += bytes.length;
  }

  /** At most `max` bytes from `offset` on, or from the oldest that is still here. */
  read(offset: number, max: number): { readonly offset: number; readonly bytes: Uint8Array } {
    const from = Math.min(Math.max(offset, this.start), this.#end);
    const bytes = new Uint8Array(Math.min(max, this.#end - from));
    const { length: capacity } = this.#ring;
    const at = from % capacity;
    const first = this.#ring.subarray(at, at + bytes.length);
    bytes.set(first, 0);
    bytes.set(this.#ring.subarray(0, bytes.length - first.length), first.length);
    return { offset: from, bytes };
  }
}
