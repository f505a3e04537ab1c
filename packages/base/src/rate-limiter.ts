import { type Clock, systemClock } from "./time.ts";

/** How many requests one client address may make. */
export interface RequestRate {
  /** Requests a second in the long run. */
  readonly perSecond: number;
  /** Requests at once after a rest. */
  readonly burst: number;
}

export interface RateLimiterOptions extends RequestRate {
  readonly clock?: Clock | undefined;
  /** Addresses remembered at most; each takes some 200 octets. Default: 20 000. */
  readonly maxAddresses?: number | undefined;
  /** Addresses that may do as they like. Default: the machine's own. */
  readonly exempt?: ((address: string) => boolean) | undefined;
  /** Told that an address is over its limit: at once, and then once per interval with what was held up since. */
  readonly onLimited?: ((address: string, requests: number) => void) | undefined;
  /** Milliseconds between two reports of one address. Default: 10 000. */
  readonly reportInterval?: number | undefined;
}

interface Bucket {
  tokens: number;
  /** When the tokens were counted. */
  at: number;
  reportedAt: number;
  unreported: number;
}

/**
 * A token bucket per client address. Its table is bounded: when one generation of addresses is full, the one before is
 * forgotten, and with it only who has not been heard of for long.
 */
export class RateLimiter {
  readonly #clock: Clock;
  readonly #perMillisecond: number;
  readonly #burst: number;
  readonly #generation: number;
  readonly #exempt: (address: string) => boolean;
  readonly #onLimited: (address: string, requests: number) => void;
  readonly #reportInterval: number;
  #current = new Map<string, Bucket>();
  #previous = new Map<string, Bucket>();
  #limited = 0;

  constructor(options: RateLimiterOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#perMillisecond = options.perSecond / 1000;
    this.#burst = Math.max(options.burst, 1);
    this.#generation = Math.ceil((options.maxAddresses ?? 20_000) / 2);
    this.#exempt = options.exempt ?? isLoopback;
    this.#onLimited = options.onLimited ?? ((): void => {});
    this.#reportInterval = options.reportInterval ?? 10_000;
  }

  /** Requests refused or delayed since the start. */
  get limited(): number {
    return this.#limited;
  }

  /** Addresses in the table. */
  get size(): number {
    return this.#current.size + this.#previous.size;
  }

  /** Whether a request may be answered; one that may not costs the client nothing more. */
  admit(address: string): boolean {
    if (this.#exempt(address)) return true;
    const bucket = this.#bucket(address);
    if (bucket.tokens >= 1) {
      bucket.tokens--;
      return true;
    }
    this.#report(address, bucket);
    return false;
  }

  /** Counts a request that will be answered in any case. @returns milliseconds until the next one should be read */
  delay(address: string): number {
    if (this.#exempt(address)) return 0;
    const bucket = this.#bucket(address);
    // Nobody waits longer than a whole burst takes to come back.
    bucket.tokens = Math.max(bucket.tokens - 1, -this.#burst);
    if (bucket.tokens >= 0) return 0;
    this.#report(address, bucket);
    return Math.ceil(-bucket.tokens / this.#perMillisecond);
  }

  #bucket(address: string): Bucket {
    const now = this.#clock.now();
    let bucket = this.#current.get(address);
    if (bucket === undefined) {
      bucket = this.#previous.get(address) ?? {
        tokens: this.#burst,
        at: now,
        reportedAt: Number.NEGATIVE_INFINITY,
        unreported: 0,
      };
      if (this.#current.size >= this.#generation) {
        this.#previous = this.#current;
        this.#current = new Map();
      }
      this.#current.set(address, bucket);
    }
    // A clock that is set back gives nothing.
    const passed = Math.max(0, now - bucket.at);
    bucket.tokens = Math.min(this.#burst, bucket.tokens + passed * this.#perMillisecond);
    bucket.at = now;
    return bucket;
  }

  #report(address: string, bucket: Bucket): void {
    this.#limited++;
    bucket.unreported++;
    if (bucket.at - bucket.reportedAt < this.#reportInterval) return;
    const { unreported } = bucket;
    bucket.reportedAt = bucket.at;
    bucket.unreported = 0;
    this.#onLimited(address, unreported);
  }
}

/** 127.0.0.0/8 and ::1, also as IPv4-mapped addresses. */
export function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === "::1" || address.startsWith("::ffff:127.");
}
