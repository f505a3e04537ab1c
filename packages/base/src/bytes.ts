import { timingSafeEqual } from "node:crypto";

export const emptyBytes: Uint8Array = new Uint8Array(0);

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

const slabSize = 64 * 1024;
const largestPooled = 8 * 1024;
const shortCopy = 48;
let slab = new ArrayBuffer(slabSize);
let slabUsed = 0;

/**
 * Bytes for a message that is made and soon forgotten: a piece of a larger buffer, for a buffer of its own costs
 * more to make and to collect than most messages to encode. Zeros, each used once.
 */
export function pooledBytes(length: number): Uint8Array {
  if (length > largestPooled) return new Uint8Array(length);
  if (slabUsed + length > slabSize) {
    slab = new ArrayBuffer(slabSize);
    slabUsed = 0;
  }
  const bytes = new Uint8Array(slab, slabUsed, length);
  // Aligned, so that views of wider numbers fit too.
  slabUsed += (length + 7) & ~7;
  return bytes;
}

/** A copy of a piece of `source` in pooled memory: see `pooledBytes`. */
export function pooledCopy(source: Uint8Array, start = 0, end: number = source.length): Uint8Array {
  const copy = pooledBytes(end - start);
  // A view of the piece costs more than to copy a short one by hand.
  if (end - start > shortCopy) copy.set(source.subarray(start, end));
  else for (let at = start; at < end; at++) copy[at - start] = source[at] ?? 0;
  return copy;
}

/** Equality in constant time for equal lengths: for keys, checksums and anything an attacker may guess at. */
export function equalSecrets(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && timingSafeEqual(left, right);
}

/** Plain equality, for values that are not secret. */
export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && Buffer.compare(left, right) === 0;
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}

/** Reads hexadecimal digits; spaces and line breaks between them are ignored. */
export function fromHex(text: string): Uint8Array {
  const digits = text.replace(/\s+/g, "");
  if (digits.length % 2 !== 0 || /[^0-9a-f]/i.test(digits)) throw new RangeError("not a hexadecimal string");
  return new Uint8Array(Buffer.from(digits, "hex"));
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: false });

export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** The same in pooled memory, for a message that is made and soon forgotten: see `pooledBytes`. */
export function pooledUtf8(text: string): Uint8Array {
  const bytes = pooledBytes(text.length);
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code > 0x7f) return utf8(text);
    bytes[at] = code;
  }
  return bytes;
}

export function fromUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}
