import { concatBytes, utf8 } from "@waybill/base";

/** Puts together big-endian integers and octets. */
export class ByteWriter {
  readonly #parts: Uint8Array[] = [];

  uint8(value: number): this {
    return this.bytes(Uint8Array.of(value));
  }

  uint16(value: number): this {
    return this.bytes(Uint8Array.of(value >>> 8, value));
  }

  uint32(value: number): this {
    return this.bytes(Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value));
  }

  bytes(value: Uint8Array): this {
    this.#parts.push(value);
    return this;
  }

  /** A 16-bit length and the octets. */
  data16(value: Uint8Array | string): this {
    const octets = typeof value === "string" ? utf8(value) : value;
    return this.uint16(octets.length).bytes(octets);
  }

  /** A 32-bit length and the octets. */
  data32(value: Uint8Array | string): this {
    const octets = typeof value === "string" ? utf8(value) : value;
    return this.uint32(octets.length).bytes(octets);
  }

  finish(): Uint8Array {
    return concatBytes(...this.#parts);
  }
}
