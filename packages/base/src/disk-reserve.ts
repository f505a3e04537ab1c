import { closeSync, fsyncSync, openSync, statSync, writeSync } from "node:fs";

const chunk = 1 << 20;

/**
 * Room that a database's file holds on disk before it is needed, so that a full disk is noticed before a transaction
 * begins and not in the middle of it: lmdb 3.5.6 damages its own memory when a write fails. LMDB knows by itself how
 * much of its file it uses, and takes what comes after that for free.
 */
export class DiskReserve {
  readonly #path: string;
  /** Bytes of the file that are on disk for certain. */
  #held: number;

  constructor(path: string) {
    this.#path = path;
    this.#held = statSync(path).size;
  }

  /** Sees to it that the file has room up to `bytes`. @throws ENOSPC and its like from the system */
  secure(bytes: number): void {
    if (bytes <= this.#held) return;
    // Always at the end, wherever that is by now: what LMDB has written is not touched.
    const file = openSync(this.#path, "a");
    try {
      const zeros = new Uint8Array(chunk);
      while (statSync(this.#path).size < bytes + chunk) if (writeSync(file, zeros) === 0) break;
    } catch (error) {
      // Less than was wished for may still be enough.
      if (statSync(this.#path).size < bytes) throw error;
    } finally {
      fsyncSync(file);
      closeSync(file);
      this.#held = statSync(this.#path).size;
    }
  }
}
