import { open } from "node:fs/promises";
import { QmpError } from "../qmp-error.ts";

const blockSize = 4096;
const crcOffset = 24;

/** What the test guest's disk writer left on an image; see `guest/guest.c`. */
export interface DiskVerdict {
  /** Highest sequence number found: every one up to it was written, and the latest of each block is there. */
  readonly lastSequence: number;
  readonly blocks: number;
}

/**
 * Reads a raw image and checks that no write up to `acknowledged` is missing: sequence numbers go round the
 * blocks in a fixed order, so the image must hold an unbroken run of them. Only the block after the last may
 * be half written. The image must not be written to meanwhile.
 *
 * @param size bytes the writer was given; a power of two of blocks.
 * @throws QmpError DISK_WRITES_LOST naming the first missing sequence number.
 */
export async function verifyDisk(path: string, size: number, acknowledged: number): Promise<DiskVerdict> {
  const blocks = 2 ** Math.floor(Math.log2(size / blockSize));
  const sequences = await readSequences(path, blocks);
  let last = 0;
  for (const sequence of sequences) last = Math.max(last, sequence);
  const first = Math.max(1, last - blocks + 1);
  for (let sequence = first; sequence <= last; sequence++) {
    const found = sequences[blockOf(sequence, blocks)];
    if (found !== sequence && blockOf(last + 1, blocks) !== blockOf(sequence, blocks))
      throw lost(path, sequence, `block ${blockOf(sequence, blocks)} holds ${found ?? 0}`);
  }
  if (last < acknowledged) throw lost(path, last + 1, `writes up to ${acknowledged} were acknowledged`);
  return { lastSequence: last, blocks };
}

/** Sequence number of each block, 0 where there is no sound one. */
async function readSequences(path: string, blocks: number): Promise<Float64Array> {
  const sequences = new Float64Array(blocks);
  const file = await open(path, "r");
  try {
    const chunk = Buffer.alloc(256 * blockSize);
    for (let start = 0; start < blocks; start += 256) {
      const { bytesRead } = await file.read(chunk, 0, chunk.length, start * blockSize);
      for (let index = 0; index * blockSize < bytesRead && start + index < blocks; index++) {
        const block = chunk.subarray(index * blockSize, (index + 1) * blockSize);
        sequences[start + index] = soundSequence(block, start + index);
      }
    }
  } finally {
    await file.close();
  }
  return sequences;
}

function soundSequence(block: Buffer, number: number): number {
  if (block.length < blockSize || block.toString("latin1", 0, 8) !== "WBYBLK01") return 0;
  const expected = block.readUInt32LE(crcOffset);
  block.writeUInt32LE(0, crcOffset);
  const sound = crc32(block) === expected && Number(block.readBigUInt64LE(16)) === number;
  return sound ? Number(block.readBigUInt64LE(8)) : 0;
}

/** The writer's order: an odd multiplier on a power of two visits every block once per round. */
function blockOf(sequence: number, blocks: number): number {
  return Number((BigInt(sequence) * 2654435761n) & BigInt(blocks - 1));
}

const crcTable = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

/** CRC-32 as in IEEE 802.3 (Node 20's zlib has none in its first releases). */
function crc32(data: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of data) crc = (crcTable[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  return ~crc >>> 0;
}

function lost(path: string, sequence: number, why: string): QmpError {
  return new QmpError(`write ${sequence} is missing on ${path}: ${why}`, {
    code: "DISK_WRITES_LOST",
    family: "environment",
    facts: { path, sequence },
  });
}
