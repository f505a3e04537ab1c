import { pooledCopy } from "@waybill/base";
import { LdapConnectionError } from "./errors.ts";

/** Size of the frame that begins with these bytes, its header included; `undefined` while too few are there. */
export type MeasureFrame = (start: Uint8Array) => number | undefined;

const sequenceTag = 0x30;

/** An LDAPMessage: one BER SEQUENCE. */
export const measureBerFrame: MeasureFrame = (start) => {
  const [tag, first] = start;
  if (tag === undefined) return undefined;
  if (tag !== sequenceTag) throw protocolError(`a message begins with octet ${tag}`);
  if (first === undefined) return undefined;
  if (first < 0x80) return 2 + first;
  const count = first & 0x7f;
  if (count === 0 || count > 8) throw protocolError("a message of indefinite or absurd length");
  if (start.length < 2 + count) return undefined;
  let length = 0;
  for (let i = 0; i < count; i++) length = length * 256 + (start[2 + i] ?? 0);
  return 2 + count + length;
};

/** A SASL buffer: four octets of length, RFC 4422 section 3.7. */
export const measureSaslFrame: MeasureFrame = (start) => {
  const [a, b, c, d] = start;
  return d === undefined ? undefined : 4 + (((a ?? 0) * 256 + (b ?? 0)) * 256 + (c ?? 0)) * 256 + d;
};

const firstCapacity = 4096;
const keptCapacity = 64 * 1024;

/** Cuts a byte stream into frames. Memory grows with the bytes that arrived, never with a length that was announced. */
export class FrameReader {
  readonly #measure: MeasureFrame;
  #maxSize: number;
  #buffer: Uint8Array = new Uint8Array(0);
  #start = 0;
  #end = 0;

  constructor(measure: MeasureFrame, maxSize: number) {
    this.#measure = measure;
    this.#maxSize = maxSize;
  }

  set maxSize(maxSize: number) {
    this.#maxSize = maxSize;
  }

  /** Bytes of a frame that is not complete yet. */
  get pendingBytes(): number {
    return this.#end - this.#start;
  }

  push(chunk: Uint8Array): void {
    const pending = this.#buffer.subarray(this.#start, this.#end);
    if (this.#end + chunk.length > this.#buffer.length) {
      const needed = pending.length + chunk.length;
      if (needed > this.#buffer.length) this.#buffer = new Uint8Array(Math.max(needed * 2, firstCapacity));
      this.#buffer.set(pending);
      this.#start = 0;
      this.#end = pending.length;
    }
    this.#buffer.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /**
   * The next complete frame, header included, in memory that nothing else writes to.
   *
   * @throws LdapConnectionError for a frame above the size limit or one that cannot begin like this.
   */
  next(): Uint8Array | undefined {
    const size = this.#measure(this.#buffer.subarray(this.#start, this.#end));
    if (size === undefined) return undefined;
    if (size > this.#maxSize) {
      throw new LdapConnectionError(
        "LDAP_MESSAGE_TOO_BIG",
        `the peer announced a message of ${size} bytes; ${this.#maxSize} are allowed`,
      );
    }
    if (size > this.pendingBytes) return undefined;
    const frame = pooledCopy(this.#buffer, this.#start, this.#start + size);
    this.#start += size;
    if (this.#start === this.#end) {
      this.#start = this.#end = 0;
      if (this.#buffer.length > keptCapacity) this.#buffer = new Uint8Array(0);
    }
    return frame;
  }
}

function protocolError(problem: string): LdapConnectionError {
  return new LdapConnectionError("LDAP_PROTOCOL_ERROR", `the peer does not speak LDAP: ${problem}`);
}
