import type { EpochMs } from "@waybill/base";

const epochDifference = 11_644_473_600_000n;
const never = 0x7fffffffffffffffn;

/** A FILETIME attribute (100 ns since 1601) as a moment; 0 and "never" (2⁶³−1) are `undefined`. */
export function fromFiletime(text: string | undefined): EpochMs | undefined {
  if (text === undefined || !/^\d{1,19}$/.test(text)) return undefined;
  const value = BigInt(text);
  if (value === 0n || value >= never) return undefined;
  return Number(value / 10_000n - epochDifference);
}

export function toFiletime(moment: EpochMs): string {
  return ((BigInt(Math.trunc(moment)) + epochDifference) * 10_000n).toString();
}

/** An interval attribute (negative, 100 ns) in milliseconds; `undefined` for none (0 or −2⁶³). */
export function fromInterval(text: string | undefined): number | undefined {
  if (text === undefined || !/^-\d{1,19}$/.test(text)) return undefined;
  const value = BigInt(text);
  return value === -0x8000000000000000n ? undefined : Number(-value / 10_000n);
}

export function toInterval(milliseconds: number | undefined): string {
  return milliseconds === undefined
    ? "-9223372036854775808"
    : (BigInt(Math.trunc(milliseconds)) * -10_000n).toString();
}

/** `20261122165907.0Z`, GeneralizedTime as AD writes it. */
export function toGeneralizedTime(moment: EpochMs): string {
  return `${new Date(moment).toISOString().slice(0, 19).replace(/[-:T]/g, "")}.0Z`;
}
