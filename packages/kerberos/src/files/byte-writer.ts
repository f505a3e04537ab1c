import { concatBytes, type EpochMs, utf8 } from "@waybill/base";

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

/** A moment as these files keep it: 32 unsigned bits, up to the year 2106, where later ones stop. */
export function toSeconds(moment: EpochMs): number {
  return Math.min(Math.max(Math.floor(moment / 1000), 0), 0xffff_ffff);
}
