import { pooledBytes } from "@waybill/base";

/**
 * Builds an encoding from its last byte to its first: a value's length is known when its header is
 * written, so nothing is measured twice or moved.
 */
export class Writer {
  #buffer = Buffer.allocUnsafeSlow(4096);
  #start = 4096;

  /** Bytes written so far; the difference of two readings is the length of what came between. */
  get size(): number {
    return this.#buffer.length - this.#start;
  }

  reset(): void {
    this.#start = this.#buffer.length;
  }

  /** A copy of all that was written. */
  finish(): Uint8Array {
    const bytes = pooledBytes(this.size);
    bytes.set(this.#buffer.subarray(this.#start));
    return bytes;
  }

  octet(value: number): void {
    if (this.#start === 0) this.#grow(1);
    this.#buffer[--this.#start] = value;
  }

  octets(bytes: Uint8Array): void {
    if (this.#start < bytes.length) this.#grow(bytes.length);
    this.#start -= bytes.length;
    this.#buffer.set(bytes, this.#start);
  }

  ascii(text: string): void {
    if (this.#start < text.length) this.#grow(text.length);
    this.#start -= text.length;
    this.#buffer.write(text, this.#start, "latin1");
  }

  /** Identifier and length octets in front of `length` bytes of content. */
  header(tag: number, length: number): void {
    if (length < 0x80) {
      this.octet(length);
    } else {
      let rest = length;
      let count = 0;
      for (; rest > 0; rest = Math.floor(rest / 256)) {
        this.octet(rest & 0xff);
        count++;
      }
      this.octet(0x80 | count);
    }
    this.octet(tag);
  }

  #grow(needed: number): void {
    const used = this.size;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, used + needed + 1024));
    this.#buffer.copy(larger, larger.length - used, this.#start);
    this.#buffer = larger;
    this.#start = larger.length - used;
  }
}

// Encoders may nest (a captured part is encoded while its parent is): each level borrows its own writer.
const idle: Writer[] = [];
const keptWriterBytes = 256 * 1024;

export function withWriter(write: (writer: Writer) => void): Uint8Array {
  const writer = idle.pop() ?? new Writer();
  writer.reset();
  try {
    write(writer);
    return writer.finish();
  } finally {
    if (idle.length < 4 && writer.size < keptWriterBytes) idle.push(writer);
  }
}
