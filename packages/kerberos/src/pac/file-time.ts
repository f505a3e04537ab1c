import type { EpochMs } from "@waybill/base";

/** Milliseconds from 1601-01-01, where FILETIME starts, to 1970-01-01. */
const offset = 11_644_473_600_000;
const twoTo32 = 0x1_0000_0000;

/**
 * FILETIME ([MS-DTYP] 2.3.3, 100 ns steps) in a PAC: `undefined` stands for zero (not set), `Infinity` for
 * 0x7FFFFFFFFFFFFFFF (never). Anything finer than a millisecond is dropped.
 */
export type FileTime = EpochMs | undefined;

/** Reads a FILETIME from its two halves. */
export function decodeFileTime(low: number, high: number): FileTime {
  if (low === 0 && high === 0) return undefined;
  if (high >= 0x7fffffff) return Number.POSITIVE_INFINITY;
  // Long division in two halves: the whole does not fit into 53 bits.
  const upper = Math.floor(high / 10_000);
  return upper * twoTo32 + Math.floor(((high - upper * 10_000) * twoTo32 + low) / 10_000) - offset;
}

/** The counterpart of `decodeFileTime`. */
export function encodeFileTime(time: FileTime): { readonly low: number; readonly high: number } {
  if (time === undefined) return { low: 0, high: 0 };
  const whole = Math.floor(time) + offset;
  if (!(whole < 9e14)) return { low: 0xffffffff, high: 0x7fffffff };
  if (whole <= 0) return { low: 0, high: 0 };
  const upper = Math.floor(whole / twoTo32);
  const lower = (whole - upper * twoTo32) * 10_000;
  return { low: lower >>> 0, high: upper * 10_000 + Math.floor(lower / twoTo32) };
}
