import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { type EpochMs, type Random, systemCode, systemRandom } from "@waybill/base";
import { GssError } from "./gss-error.ts";
import {
  cacheFull,
  defaultMaxRecords,
  fingerprintAuthenticator,
  fingerprintSize,
  isForgettable,
  type ReplayCache,
  type ReplayCacheOptions,
  sliceLength,
  sliceOf,
} from "./replay-cache.ts";

/** Where a replay cache keeps its files. */
export interface FileReplayCacheOptions extends ReplayCacheOptions {
  /** Made with mode 0700 when missing. Every process that accepts for the same keys names the same one. */
  readonly directory: string;
  readonly random?: Random | undefined;
}

const nonceSize = 8;
const recordSize = fingerprintSize + nonceSize;
const prefix = "replay-";
/** Milliseconds another process has to finish the record it is writing. */
const halfRecordPatience = 200;
const pause = new Int32Array(new SharedArrayBuffer(4));

interface Slice {
  readonly descriptor: number;
  readonly known: Map<string, string>;
  /** Octets of the file already in `known`. */
  read: number;
}

/**
 * A replay cache that survives restarts and is shared by processes, without locks.
 *
 * The directory holds one file per five minutes of the clients' time, `replay-<minutes since 1970 / 5>`:
 *
 *     file   = *record
 *     record = fingerprint (16 octets: SHA-256 of the authenticator's ciphertext, cut) nonce (8 random octets)
 *
 * Whoever accepts appends its record (O_APPEND, one write) and then reads on to the end: the authenticator is new
 * if the first record with its fingerprint carries one's own nonce. Two processes with the same authenticator thus
 * agree on which of them came first. A file whose five minutes lie behind the clock skew is deleted, so the
 * directory holds at most three or four, each no larger than 24 octets × `maxRecords`.
 */
export class FileReplayCache implements ReplayCache {
  readonly #directory: string;
  readonly #clockSkew: number;
  readonly #maxRecords: number;
  readonly #random: Random;
  readonly #slices = new Map<number, Slice>();

  constructor(options: FileReplayCacheOptions) {
    this.#directory = options.directory;
    this.#clockSkew = options.clockSkew ?? sliceLength;
    this.#maxRecords = options.maxRecords ?? defaultMaxRecords;
    this.#random = options.random ?? systemRandom;
  }

  note(authenticator: Uint8Array, time: EpochMs, now: EpochMs): boolean {
    try {
      const slice = this.#slices.get(sliceOf(time)) ?? this.#open(sliceOf(time), now);
      return this.#append(slice, fingerprintAuthenticator(authenticator));
    } catch (error) {
      if (error instanceof GssError) throw error;
      throw this.#failed(`${systemCode(error) ?? "unexpected error"}`, error);
    }
  }

  /** Closes the files. The cache opens them again when it is used again. */
  close(): void {
    for (const { descriptor } of this.#slices.values()) closeSync(descriptor);
    this.#slices.clear();
  }

  #append(slice: Slice, fingerprint: Uint8Array): boolean {
    this.#catchUp(slice);
    const name = latin1(fingerprint);
    if (slice.known.has(name)) return false;
    if (slice.known.size >= this.#maxRecords) throw cacheFull(this.#maxRecords);
    const nonce = this.#random.bytes(nonceSize);
    const record = new Uint8Array(recordSize);
    record.set(fingerprint);
    record.set(nonce, fingerprintSize);
    if (writeSync(slice.descriptor, record) !== recordSize) throw this.#failed("a record was cut short");
    this.#catchUp(slice);
    return slice.known.get(name) === latin1(nonce);
  }

  /** Takes in what this and other processes appended. */
  #catchUp(slice: Slice): void {
    const size = this.#wholeSize(slice);
    if (size < slice.read) throw this.#failed("a file became shorter");
    if (size / recordSize > 2 * this.#maxRecords) throw cacheFull(this.#maxRecords);
    const chunk = Buffer.allocUnsafe(Math.min(size - slice.read, recordSize * 4096));
    while (slice.read < size) {
      const length = readSync(
        slice.descriptor,
        chunk,
        0,
        Math.min(chunk.length, size - slice.read),
        slice.read,
      );
      const whole = length - (length % recordSize);
      if (whole === 0) throw this.#failed("a file cannot be read on");
      for (let at = 0; at < whole; at += recordSize) {
        const name = chunk.toString("latin1", at, at + fingerprintSize);
        if (!slice.known.has(name)) {
          slice.known.set(name, chunk.toString("latin1", at + fingerprintSize, at + recordSize));
        }
      }
      slice.read += whole;
    }
  }

  /**
   * The file's size in whole records. A record that crosses a page shows in two pieces while it is being written;
   * one that stays half for longer would put every later record out of step.
   */
  #wholeSize(slice: Slice): number {
    for (let waited = 0; ; waited++) {
      const { size } = fstatSync(slice.descriptor);
      if (size % recordSize === 0) return size;
      if (waited >= halfRecordPatience) throw this.#failed("a file ends in half a record");
      Atomics.wait(pause, 0, 0, 1);
    }
  }

  #open(number: number, now: EpochMs): Slice {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    this.#forget(now);
    const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;
    const slice: Slice = {
      descriptor: openSync(join(this.#directory, `${prefix}${number}`), flags, 0o600),
      known: new Map(),
      read: 0,
    };
    this.#slices.set(number, slice);
    return slice;
  }

  #forget(now: EpochMs): void {
    for (const [number, slice] of this.#slices) {
      if (!isForgettable(number, now, this.#clockSkew)) continue;
      closeSync(slice.descriptor);
      this.#slices.delete(number);
    }
    for (const file of readdirSync(this.#directory)) {
      const number = /^replay-(\d+)$/.exec(file)?.[1];
      if (number === undefined || !isForgettable(Number(number), now, this.#clockSkew)) continue;
      try {
        unlinkSync(join(this.#directory, file));
      } catch (error) {
        // Another process tidied up first.
        if (systemCode(error) !== "ENOENT") throw error;
      }
    }
  }

  #failed(why: string, cause?: unknown): GssError {
    return new GssError(
      "REPLAY_CACHE_FAILED",
      `the replay cache in ${this.#directory} does not work: ${why}`,
      {
        family: "environment",
        remedy: `Check owner, permissions and free space of ${this.#directory}; its files may be deleted while no process uses them.`,
        cause,
      },
    );
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}
