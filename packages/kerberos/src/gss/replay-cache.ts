import { createHash } from "node:crypto";
import type { EpochMs } from "@waybill/base";
import { GssError } from "./gss-error.ts";

/** Remembers authenticators for as long as they are acceptable: RFC 4120 section 3.2.3. */
export interface ReplayCache {
  /**
   * Notes an authenticator.
   *
   * @param authenticator its ciphertext, which is unique to it
   * @param time the client's time inside it
   * @param now this side's time
   * @returns whether it is new; false for a replay
   * @throws GssError REPLAY_CACHE_FAILED, REPLAY_CACHE_FULL: then nothing can be accepted
   */
  note(authenticator: Uint8Array, time: EpochMs, now: EpochMs): boolean;
}

/** Octets of an authenticator's fingerprint. */
export const fingerprintSize = 16;

/** What a replay cache remembers of an authenticator: SHA-256 of its ciphertext, cut to 16 octets. */
export function fingerprintAuthenticator(authenticator: Uint8Array): Uint8Array {
  return createHash("sha256").update(authenticator).digest().subarray(0, fingerprintSize);
}

/** Length of the stretches of time that are remembered and forgotten together. */
export const sliceLength = 5 * 60_000;

/**
 * The stretch an authenticator belongs to. It follows from the client's time, which a replay repeats, and not from
 * the moment of arrival, so that both land in the same one.
 */
export function sliceOf(time: EpochMs): number {
  return Math.floor(time / sliceLength);
}

/** Whether everything in the slice is too old to be accepted at `now` anyway. */
export function isForgettable(slice: number, now: EpochMs, clockSkew: number): boolean {
  return (slice + 1) * sliceLength <= now - clockSkew;
}

/** How long and how much a replay cache remembers. */
export interface ReplayCacheOptions {
  /** The acceptor's tolerance in milliseconds; what is older is refused for its age. Default 5 minutes. */
  readonly clockSkew?: number | undefined;
  /** Authenticators remembered per five minutes before the acceptor refuses more. Default 1,000,000. */
  readonly maxRecords?: number | undefined;
}

/** Authenticators of one five minutes, unless told otherwise. */
export const defaultMaxRecords = 1_000_000;

/** A replay cache of one process, forgotten when it ends. */
export class MemoryReplayCache implements ReplayCache {
  readonly #slices = new Map<number, Set<string>>();
  readonly #clockSkew: number;
  readonly #maxRecords: number;

  constructor(options: ReplayCacheOptions = {}) {
    this.#clockSkew = options.clockSkew ?? sliceLength;
    this.#maxRecords = options.maxRecords ?? defaultMaxRecords;
  }

  note(authenticator: Uint8Array, time: EpochMs, now: EpochMs): boolean {
    const slice = sliceOf(time);
    let known = this.#slices.get(slice);
    if (known === undefined) {
      for (const old of this.#slices.keys()) {
        if (isForgettable(old, now, this.#clockSkew)) this.#slices.delete(old);
      }
      known = new Set();
      this.#slices.set(slice, known);
    }
    const fingerprint = Buffer.from(fingerprintAuthenticator(authenticator)).toString("latin1");
    if (known.has(fingerprint)) return false;
    if (known.size >= this.#maxRecords) throw cacheFull(this.#maxRecords);
    known.add(fingerprint);
    return true;
  }
}

/** REPLAY_CACHE_FULL: nothing can be accepted any more without forgetting what still counts. */
export function cacheFull(records: number): GssError {
  return new GssError(
    "REPLAY_CACHE_FULL",
    `the replay cache holds ${records} authenticators of five minutes`,
    {
      family: "environment",
      remedy: "Find out who opens so many connections, or allow the cache more records.",
    },
  );
}
