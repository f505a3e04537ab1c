import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { verifyDisk } from "../../src/index.ts";

const blocks = 16;
const size = blocks * 4096;

function block(sequence: number): Buffer {
  const bytes = Buffer.alloc(4096, sequence & 0xff);
  bytes.write("WBYBLK01", 0, "latin1");
  bytes.writeBigUInt64LE(BigInt(sequence), 8);
  bytes.writeBigUInt64LE(BigInt(place(sequence)), 16);
  bytes.writeUInt32LE(0, 24);
  bytes.writeUInt32LE(crc32(bytes), 24);
  return bytes;
}

function place(sequence: number): number {
  return Number((BigInt(sequence) * 2654435761n) % BigInt(blocks));
}

describe("the disk verifier", () => {
  let directory: string;
  let path: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "wb-disk-"));
    path = join(directory, "disk.raw");
  });
  afterAll(async () => await rm(directory, { recursive: true }));

  async function image(last: number, change: (bytes: Buffer) => void = () => {}): Promise<void> {
    const bytes = Buffer.alloc(size);
    for (let sequence = 1; sequence <= last; sequence++) block(sequence).copy(bytes, place(sequence) * 4096);
    change(bytes);
    await writeFile(path, bytes);
  }

  test("accepts an unbroken run, in its first round and later", async () => {
    for (const last of [0, 1, 9, 16, 40]) {
      await image(last);
      expect(await verifyDisk(path, size, last)).toEqual({ lastSequence: last, blocks });
    }
  });

  test("accepts a torn block only where the next write would be", async () => {
    await image(40, (bytes) => void bytes.writeUInt8(1, place(41) * 4096 + 100));
    expect((await verifyDisk(path, size, 40)).lastSequence).toBe(40);
    await image(40, (bytes) => void bytes.writeUInt8(1, place(35) * 4096 + 100));
    await expect(verifyDisk(path, size, 40)).rejects.toMatchObject({
      code: "DISK_WRITES_LOST",
      facts: { sequence: 35 },
    });
  });

  test("misses an old block under an acknowledged write", async () => {
    await image(40, (bytes) => void block(40 - blocks).copy(bytes, place(40) * 4096));
    await expect(verifyDisk(path, size, 40)).rejects.toMatchObject({ code: "DISK_WRITES_LOST" });
    await image(40, (bytes) => void block(36 - blocks).copy(bytes, place(36) * 4096));
    await expect(verifyDisk(path, size, 40)).rejects.toMatchObject({ code: "DISK_WRITES_LOST" });
  });
});
