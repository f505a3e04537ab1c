import { Asn1Error } from "./asn1-error.ts";

/** How strict and how patient decoding is. */
export interface DecodeOptions {
  /**
   * `der` (default) refuses everything but the one canonical encoding. `ber` reads what LDAP peers send:
   * lengths with leading zeros, any non-zero TRUE, integers with padding, unknown trailing members.
   */
  readonly rules?: "der" | "ber";
  /** Deepest nesting of constructed values; 32 unless told. */
  readonly maxDepth?: number;
  /** Largest input in bytes; 16 MiB unless told. */
  readonly maxSize?: number;
}

const defaultDepth = 32;
const defaultSize = 16 * 1024 * 1024;

/** A cursor over one encoded value. Bounds are checked here and nowhere else. */
export class Reader {
  readonly bytes: Buffer;
  readonly strict: boolean;
  position = 0;
  /** End of the innermost constructed value being read. */
  limit: number;
  #depth: number;

  constructor(bytes: Uint8Array, options: DecodeOptions = {}) {
    if (bytes.length > (options.maxSize ?? defaultSize)) {
      throw new Asn1Error("ASN1_TOO_LARGE", `${bytes.length} bytes are more than the limit`);
    }
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.limit = bytes.length;
    this.strict = options.rules !== "ber";
    this.#depth = options.maxDepth ?? defaultDepth;
  }

  get atEnd(): boolean {
    return this.position >= this.limit;
  }

  /** The next identifier octet without consuming it; −1 at the end. */
  peekTag(): number {
    return this.position < this.limit ? (this.bytes[this.position] ?? -1) : -1;
  }

  /** Consumes identifier and length octets; returns the length of the content that follows. */
  header(expectedTag: number): number {
    const tag = this.peekTag();
    if (tag !== expectedTag) throw tagMismatch(tag, describeTag(expectedTag));
    this.position++;
    return this.length();
  }

  length(): number {
    const first = this.#octet();
    let length = first;
    if (first >= 0x80) {
      const count = first & 0x7f;
      if (count === 0) throw new Asn1Error("ASN1_BAD_LENGTH", "indefinite length");
      length = 0;
      for (let i = 0; i < count; i++) {
        length = length * 256 + this.#octet();
        if (length > this.limit) throw truncated(length, this.limit - this.position);
      }
      if (this.strict && (length < 0x80 || length < 256 ** (count - 1))) {
        throw new Asn1Error("ASN1_NOT_DER", `length ${length} in ${count + 1} octets`);
      }
    }
    if (this.position + length > this.limit) throw truncated(length, this.limit - this.position);
    return length;
  }

  /** Narrows the view to `length` bytes; returns the outer limit for `leave`. */
  enter(length: number): number {
    if (--this.#depth < 0) throw new Asn1Error("ASN1_TOO_DEEP", "nested too deeply");
    const outer = this.limit;
    this.limit = this.position + length;
    return outer;
  }

  leave(outer: number): void {
    if (this.position !== this.limit) {
      throw new Asn1Error("ASN1_TRAILING_BYTES", `${this.limit - this.position} unexpected bytes at the end`);
    }
    this.limit = outer;
    this.#depth++;
  }

  /** The next `length` bytes, not copied. */
  slice(length: number): Uint8Array {
    const start = this.position;
    this.position += length;
    return this.sliceFrom(start, this.position);
  }

  sliceFrom(start: number, end: number): Uint8Array {
    return new Uint8Array(this.bytes.buffer, this.bytes.byteOffset + start, end - start);
  }

  /** Skips one whole value; returns where it began. */
  skipValue(): number {
    const start = this.position;
    const tag = this.#octet();
    if ((tag & 0x1f) === 0x1f)
      throw new Asn1Error("ASN1_TAG_MISMATCH", "tag numbers above 30 are not used here");
    const length = this.length();
    this.position += length;
    return start;
  }

  #octet(): number {
    if (this.position >= this.limit) throw truncated(1, 0);
    return this.bytes[this.position++] ?? 0;
  }
}

export function tagMismatch(found: number, expected: string): Asn1Error {
  const got = found < 0 ? "the end" : describeTag(found);
  return new Asn1Error("ASN1_TAG_MISMATCH", `expected ${expected}, found ${got}`);
}

function truncated(wanted: number, left: number): Asn1Error {
  return new Asn1Error("ASN1_TRUNCATED", `${wanted} bytes announced, ${left} left`);
}

const universalNames: Readonly<Record<number, string>> = {
  1: "BOOLEAN",
  2: "INTEGER",
  3: "BIT STRING",
  4: "OCTET STRING",
  5: "NULL",
  6: "OBJECT IDENTIFIER",
  10: "ENUMERATED",
  12: "UTF8String",
  16: "SEQUENCE",
  17: "SET",
  24: "GeneralizedTime",
  27: "GeneralString",
};

export function describeTag(tag: number): string {
  const number = tag & 0x1f;
  if (tag < 0x40) return universalNames[number] ?? `[UNIVERSAL ${number}]`;
  if (tag < 0x80) return `[APPLICATION ${number}]`;
  return tag < 0xc0 ? `[${number}]` : `[PRIVATE ${number}]`;
}
