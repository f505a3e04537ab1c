import { encodeFileTime, type FileTime } from "./file-time.ts";
import { PacError } from "./pac-error.ts";
import { parseSid, type Sid } from "./sid.ts";

// One scratch area for all writers: writing is synchronous and every writer copies out before the next begins.
let scratch = Buffer.allocUnsafeSlow(8192);

/** Writes NDR 2.0 little-endian in one pass; referents are numbered as Windows and Samba number them. */
export class NdrWriter {
  #offset = 0;
  #referent = 0x00020000;

  /** Type serialization version 1 headers and the pointer to the one object that follows. */
  header(): void {
    this.#reserve(20);
    scratch.fill(0, 0, 16);
    scratch.writeUInt32LE(0x00081001, 0);
    scratch.writeUInt32LE(0xcccccccc, 4);
    this.#offset = 16;
    this.pointer(true);
  }

  #reserve(length: number): number {
    const start = this.#offset;
    if (start + length > scratch.length) {
      const larger = Buffer.allocUnsafeSlow(2 * (start + length));
      scratch.copy(larger, 0, 0, start);
      scratch = larger;
    }
    this.#offset = start + length;
    return start;
  }

  #align(unit: number): void {
    const padding = -this.#offset & (unit - 1);
    if (padding !== 0) {
      const start = this.#reserve(padding);
      scratch.fill(0, start, start + padding);
    }
  }

  uint16(value: number): void {
    this.#align(2);
    const start = this.#reserve(2);
    scratch.writeUInt16LE(value & 0xffff, start);
  }

  uint32(value: number): void {
    this.#align(4);
    const start = this.#reserve(4);
    scratch.writeUInt32LE(value >>> 0, start);
  }

  uint64(value: bigint): void {
    this.#align(8);
    const start = this.#reserve(8);
    scratch.writeBigUInt64LE(BigInt.asUintN(64, value), start);
  }

  /** The counterpart of NdrReader.text. */
  text(value: string): void {
    this.stringBody(`${value}\0`);
  }

  fileTime(time: FileTime): void {
    const { low, high } = encodeFileTime(time);
    this.uint32(low);
    this.uint32(high);
  }

  bytes(value: Uint8Array): void {
    const start = this.#reserve(value.length);
    scratch.set(value, start);
  }

  pointer(present: boolean): void {
    this.uint32(present ? this.#referent : 0);
    if (present) this.#referent += 4;
  }

  /** `terminated` counts a terminator into the maximum length that is not part of the text. */
  stringHead(text: string, terminated = false): void {
    const length = text.length * 2;
    if (length > 0xfffc)
      throw new PacError("PAC_INVALID_VALUE", `text of ${length} bytes is too long for a PAC`);
    this.uint16(length);
    this.uint16(terminated ? length + 2 : length);
    this.pointer(true);
  }

  stringBody(text: string, terminated = false): void {
    this.uint32(terminated ? text.length + 1 : text.length);
    this.uint32(0);
    this.uint32(text.length);
    const start = this.#reserve(text.length * 2);
    scratch.write(text, start, "utf16le");
  }

  sid(sid: Sid): void {
    const bytes = parseSid(sid);
    this.uint32((bytes.length - 8) / 4);
    this.bytes(bytes);
  }

  /** What was written, with the object's length filled in (padded to 8, as the header demands). */
  finish(): Uint8Array {
    this.#align(8);
    scratch.writeUInt32LE(this.#offset - 16, 8);
    return new Uint8Array(scratch.subarray(0, this.#offset));
  }
}
