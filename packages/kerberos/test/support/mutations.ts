/** A small deterministic generator (mulberry32), so that a failing mutation can be made again from its seed. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

const interesting = [0, 1, 2, 4, 0x7f, 0x80, 0x81, 0x82, 0x84, 0xfe, 0xff];

/** One to four hostile changes: flipped bits, lengths blown up, pieces cut, doubled or moved. */
export function mutate(source: Uint8Array, next: () => number): Uint8Array {
  let bytes = new Uint8Array(source);
  for (let rounds = 1 + (next() % 4); rounds > 0; rounds--) {
    if (bytes.length === 0) return bytes;
    const at = next() % bytes.length;
    switch (next() % 6) {
      case 0:
        bytes[at] = bytes[at]! ^ (1 << (next() % 8));
        break;
      case 1:
        bytes[at] = interesting[next() % interesting.length]!;
        break;
      case 2:
        bytes.fill(0xff, at, at + 4);
        break;
      case 3:
        bytes = bytes.slice(0, at);
        break;
      case 4: {
        const pieceEnd = Math.min(at + (next() % 16), bytes.length);
        const longer = new Uint8Array(bytes.length + pieceEnd - at);
        longer.set(bytes.subarray(0, pieceEnd));
        longer.set(bytes.subarray(at), pieceEnd);
        bytes = longer;
        break;
      }
      default:
        bytes[at] = next() & 0xff;
    }
  }
  return bytes;
}
