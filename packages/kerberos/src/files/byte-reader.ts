import { fromUtf8 } from "@waybill/base";
import { KerberosError } from "../errors.ts";

/** Nothing these formats hold is longer. */
export const maxFileSize = 16 * 1024 * 1024;

/**
 * What a file's reader complains with: `code` is the format's own, `offset` counts octets from the start.
 *
 * @param more further facts
 */
export function malformed(
  code: string,
  what: string,
  offset: number,
  reason: string,
  more: Readonly<Record<string, unknown>> = {},
): KerberosError {
  return new KerberosError(`${what} is malformed at offset ${offset}: ${reason}`, {
    code,
    family: "environment",
    facts: { offset, reason, ...more },
    remedy: "Make the file anew; something other than a Kerberos program has changed it.",
  });
}

/** What the reader's errors say they were reading. */
export interface ByteReaderOptions {
  /** The code and the words of errors: `MALFORMED_KEYTAB`, `the keytab`. */
  readonly code: string;
  readonly what: string;
  readonly littleEndian?: boolean | undefined;
}

/** Reads integers and counted octets from a file's content; never past the end. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #options: ByteReaderOptions;
  readonly #littleEndian: boolean;
  #offset: number;
  #end: number;

  constructor(bytes: Uint8Array, options: ByteReaderOptions, offset = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#options = options;
    this.#littleEndian = options.littleEndian ?? false;
    this.#offset = offset;
    this.#end = end;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#end - this.#offset;
  }

  /** A reader of the next `length` octets, which this one skips. */
  slice(length: number): ByteReader {
    const start = this.#take(length);
    return new ByteReader(this.#bytes, this.#options, start, start + length);
  }

  uint8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  uint16(): number {
    return this.#view.getUint16(this.#take(2), this.#littleEndian);
  }

  int16(): number {
    return this.#view.getInt16(this.#take(2), this.#littleEndian);
  }

  uint32(): number {
    return this.#view.getUint32(this.#take(4), this.#littleEndian);
  }

  int32(): number {
    return this.#view.getInt32(this.#take(4), this.#littleEndian);
  }

  /** A copy of the next `length` octets. */
  bytes(length: number): Uint8Array {
    const start = this.#take(length);
    return this.#bytes.slice(start, start + length);
  }

  text(length: number): string {
    return fromUtf8(this.bytes(length));
  }

  /** A number of things that follow, each at least `itemSize` octets long. */
  count(value: number, itemSize: number, what: string): number {
    if (value < 0 || value * itemSize > this.remaining)
      this.#failAtEnd(`${value} ${what} do not fit into what is left`);
    return value;
  }

  fail(reason: string, offset = this.#offset): never {
    throw malformed(this.#options.code, this.#options.what, offset, reason);
  }

  /** For what would be well if only more followed: `facts.cutOff` is true. */
  #failAtEnd(reason: string): never {
    throw malformed(this.#options.code, this.#options.what, this.#offset, reason, { cutOff: true });
  }

  #take(length: number): number {
    if (length > this.remaining)
      this.#failAtEnd(`${length} octets are wanted and ${this.remaining} are left`);
    const start = this.#offset;
    this.#offset += length;
    return start;
  }
}
