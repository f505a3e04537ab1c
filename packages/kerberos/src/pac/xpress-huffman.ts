import { malformed } from "./pac-error.ts";

const symbols = 512;
const tableSize = symbols / 2;
const longestCode = 15;
const blockSize = 65_536;
const shortestMatch = 3;

/**
 * Decompresses LZ77 with Huffman coding: [MS-XCA] 2.1 and 2.2. Each block of 64 KiB of output begins with the lengths of
 * its codes; symbols up to 255 are octets, the others say how far back and how long a piece is repeated.
 *
 * @param size octets of the result, which the sender declares
 * @throws PacError PAC_MALFORMED
 */
export function decompressXpressHuffman(input: Uint8Array, size: number, name: string): Uint8Array {
  const bits = new BitReader(input, name);
  const output = new Uint8Array(size);
  let at = 0;
  while (at < size) {
    const codes = bits.codes();
    const end = Math.min(size, at + blockSize);
    bits.start();
    while (at < end) {
      const symbol = bits.symbol(codes);
      if (symbol < 256) {
        output[at++] = symbol;
        continue;
      }
      const length = bits.matchLength(symbol & 15);
      const distance = bits.distance((symbol - 256) >> 4);
      if (distance > at || length > size - at) throw malformed(name, "a repetition leads outside");
      for (let copied = 0; copied < length; copied++, at++) output[at] = output[at - distance] ?? 0;
    }
  }
  return output;
}

/** What a code of at most fifteen bits, filled up with any others, stands for: symbol × 16 + length. */
type Codes = Uint16Array;

/** Codes come as little-endian words, read from their highest bit; lengths of long matches as octets between them. */
class BitReader {
  readonly #input: Uint8Array;
  readonly #name: string;
  #at = 0;
  #bits = 0;
  /** Of the 32 bits ahead, how many are left beyond sixteen. */
  #extra = 0;

  constructor(input: Uint8Array, name: string) {
    this.#input = input;
    this.#name = name;
  }

  codes(): Codes {
    if (this.#at + tableSize > this.#input.length) throw malformed(this.#name, "truncated");
    const lengths = new Uint8Array(symbols);
    for (let symbol = 0; symbol < symbols; symbol += 2) {
      const octet = this.#octet();
      lengths[symbol] = octet & 15;
      lengths[symbol + 1] = octet >> 4;
    }
    const codes = new Uint16Array(1 << longestCode);
    let filled = 0;
    for (let length = 1; length <= longestCode; length++) {
      for (let symbol = 0; symbol < symbols; symbol++) {
        if (lengths[symbol] !== length) continue;
        const entries = 1 << (longestCode - length);
        if (filled + entries > codes.length) throw malformed(this.#name, "its codes are ambiguous");
        codes.fill(symbol * 16 + length, filled, filled + entries);
        filled += entries;
      }
    }
    if (filled !== codes.length) throw malformed(this.#name, "its codes are not complete");
    return codes;
  }

  start(): void {
    this.#bits = (this.#word() << 16) | this.#word();
    this.#extra = 16;
  }

  symbol(codes: Codes): number {
    const entry = codes[this.#bits >>> (32 - longestCode)] ?? 0;
    this.#consume(entry & 15);
    return entry >> 4;
  }

  matchLength(short: number): number {
    if (short < 15) return short + shortestMatch;
    let length = this.#octet() + 15;
    if (length === 255 + 15) {
      length = this.#word();
      if (length === 0) length = this.#word() + this.#word() * 65_536;
      if (length < 15) throw malformed(this.#name, "a length is written longer than it needs");
    }
    return length + shortestMatch;
  }

  distance(count: number): number {
    if (count === 0) return 1;
    const low = this.#bits >>> (32 - count);
    this.#consume(count);
    return low + 2 ** count;
  }

  #consume(count: number): void {
    this.#bits <<= count;
    this.#extra -= count;
    if (this.#extra >= 0) return;
    this.#bits |= this.#word() << -this.#extra;
    this.#extra += 16;
  }

  #word(): number {
    return this.#octet() + this.#octet() * 256;
  }

  /** Looking ahead may go four octets beyond the end; what is made of more is not there. */
  #octet(): number {
    if (this.#at >= this.#input.length + 4) throw malformed(this.#name, "truncated");
    return this.#input[this.#at++] ?? 0;
  }
}
