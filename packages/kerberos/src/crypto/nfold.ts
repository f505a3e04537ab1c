/**
 * Stretches or shrinks `input` to `size` octets: RFC 3961 section 5.1. Copies of the input, each turned right by
 * 13 bits more than the one before, are laid end to end and added up in one's complement arithmetic.
 */
export function nfold(input: Uint8Array, size: number): Uint8Array {
  const { length } = input;
  const total = (length * size) / greatestCommonDivisor(length, size);
  const out = new Uint8Array(size);
  let carry = 0;
  for (let at = total - 1; at >= 0; at--) {
    carry += rotatedOctet(input, at) + (out[at % size] ?? 0);
    out[at % size] = carry & 0xff;
    carry >>>= 8;
  }
  for (let at = size - 1; carry !== 0; at = (at + size - 1) % size) {
    carry += out[at] ?? 0;
    out[at] = carry & 0xff;
    carry >>>= 8;
  }
  return out;
}

/** Octet `at` of the endless row of ever further rotated copies. */
function rotatedOctet(input: Uint8Array, at: number): number {
  const bits = input.length * 8;
  const copy = Math.floor(at / input.length);
  const start = ((at % input.length) * 8 - 13 * copy) % bits;
  const bit = start < 0 ? start + bits : start;
  const octet = bit >>> 3;
  const pair = ((input[octet] ?? 0) << 8) | (input[(octet + 1) % input.length] ?? 0);
  return (pair >>> (8 - (bit & 7))) & 0xff;
}

function greatestCommonDivisor(left: number, right: number): number {
  return right === 0 ? left : greatestCommonDivisor(right, left % right);
}
