import { decodeFileTime, type FileTime } from "./file-time.ts";
import { malformed } from "./pac-error.ts";
import { formatSid, maxSubAuthorities, type Sid } from "./sid.ts";

/**
 * Reads NDR 2.0 (C706 chapter 14) little-endian data out of hostile bytes: every length and count is checked
 * against what is left before anything is allocated, and no structure is followed twice.
 */
export class NdrReader {
  readonly #bytes: Buffer;
  readonly #name: string;
  #offset: number;

  /** `name` starts the path in error messages. */
  constructor(bytes: Uint8Array, name: string) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#name = name;
    this.#offset = 0;
  }

  /** Type serialization version 1 headers ([MS-RPCE] 2.2.6) and the pointer to the one object that follows. */
  header(): void {
    if (this.#bytes.length < 20) throw malformed(this.#name, "too short for its serialization header");
    if (this.#bytes[0] !== 1 || this.#bytes[1] !== 0x10 || this.#bytes.readUInt16LE(2) !== 8) {
      throw malformed(this.#name, "not little-endian type serialization version 1");
    }
    this.#offset = 8;
    const length = this.uint32("object length");
    if (length > this.#bytes.length - 16) throw malformed(this.#name, "object is longer than its buffer");
    this.#offset = 16;
    if (!this.pointer("object")) throw malformed(this.#name, "object is absent");
  }

  #take(length: number, field: string): number {
    const start = this.#offset;
    if (length > this.#bytes.length - start) throw malformed(`${this.#name}.${field}`, "truncated");
    this.#offset = start + length;
    return start;
  }

  uint16(field: string): number {
    this.#offset = (this.#offset + 1) & ~1;
    return this.#bytes.readUInt16LE(this.#take(2, field));
  }

  uint32(field: string): number {
    this.#offset = (this.#offset + 3) & ~3;
    return this.#bytes.readUInt32LE(this.#take(4, field));
  }

  uint64(field: string): bigint {
    this.#offset = (this.#offset + 7) & ~7;
    return this.#bytes.readBigUInt64LE(this.#take(8, field));
  }

  /** A pointer's text, with the zero at its end that is not part of it: a conformant and varying string. */
  text(field: string): string {
    const maximum = this.uint32(field);
    const offset = this.uint32(field);
    const count = this.uint32(field);
    if (offset !== 0 || count === 0 || count > maximum) throw malformed(`${this.#name}.${field}`, "bad text");
    const start = this.#take(count * 2, field);
    const end = start + count * 2 - 2;
    if (this.#bytes.readUInt16LE(end) !== 0) throw malformed(`${this.#name}.${field}`, "text without an end");
    return this.#bytes.toString("utf16le", start, end);
  }

  fileTime(field: string): FileTime {
    const low = this.uint32(field);
    return decodeFileTime(low, this.uint32(field));
  }

  /** A copy of `length` bytes. */
  bytes(length: number, field: string): Uint8Array {
    const start = this.#take(length, field);
    return new Uint8Array(this.#bytes.subarray(start, start + length));
  }

  /** Whether the unique pointer is set; what it points to comes later. */
  pointer(field: string): boolean {
    return this.uint32(field) !== 0;
  }

  /** The conformance of an array already announced as `count` elements of at least `size` bytes each. */
  arrayOf(count: number, size: number, field: string): void {
    const maximum = this.uint32(field);
    if (maximum !== count) {
      throw malformed(`${this.#name}.${field}`, `array of ${maximum} elements where ${count} were announced`);
    }
    if (count * size > this.#bytes.length - this.#offset) {
      throw malformed(`${this.#name}.${field}`, `${count} elements do not fit into what is left`);
    }
  }

  /** The fixed part of an RPC_UNICODE_STRING; pass the result to {@link stringBody} in pointer order. */
  stringHead(field: string): StringHead {
    const length = this.uint16(field);
    const maximum = this.uint16(field);
    const present = this.pointer(field);
    if (length % 2 !== 0 || length > maximum) throw malformed(`${this.#name}.${field}`, "bad string length");
    if (!present && length !== 0) throw malformed(`${this.#name}.${field}`, "string without text");
    return { field, length, present };
  }

  stringBody(head: StringHead): string {
    if (!head.present) return "";
    this.uint32(head.field);
    const offset = this.uint32(head.field);
    const count = this.uint32(head.field);
    if (offset !== 0 || count * 2 !== head.length) {
      throw malformed(`${this.#name}.${head.field}`, "text does not have the announced length");
    }
    const start = this.#take(head.length, head.field);
    return this.#bytes.toString("utf16le", start, start + head.length);
  }

  /** A conformant SID (the count of sub-authorities precedes it). */
  sid(field: string): Sid {
    const count = this.uint32(field);
    if (count > maxSubAuthorities) throw malformed(`${this.#name}.${field}`, `${count} sub-authorities`);
    const start = this.#take(8 + 4 * count, field);
    if (this.#bytes[start] !== 1 || this.#bytes[start + 1] !== count) {
      throw malformed(`${this.#name}.${field}`, "not a security identifier");
    }
    return formatSid(this.#bytes.subarray(start, start + 8 + 4 * count));
  }
}

/** The fixed part of an RPC_UNICODE_STRING (MS-DTYP section 2.3.10): its text follows among the referents. */
export interface StringHead {
  readonly field: string;
  readonly length: number;
  readonly present: boolean;
}
