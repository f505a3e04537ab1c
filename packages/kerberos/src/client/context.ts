import { type Clock, type EpochMs, type Logger, type Random, randomUint31 } from "@waybill/base";
import { KeyHintMemory } from "./key-hint-memory.ts";
import { trace } from "./trace.ts";

/** A moment as Kerberos writes it: whole seconds and microseconds beside them. */
export interface Stamp {
  readonly seconds: EpochMs;
  readonly microseconds: number;
}

/** What every exchange of one client shares: time as its KDCs see it, randomness, defaults. */
export class ExchangeContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Encryption types to ask for and to accept, in order of preference. */
  readonly etypes: readonly number[];
  readonly maxReferrals: number;
  /** The realms between two realms, both ends left out, when the administrator prescribes them. */
  readonly path: (from: string, to: string) => readonly string[] | undefined;
  readonly keyHints = new KeyHintMemory();
  readonly #offsets = new Map<string, number>();
  #lastStamp = 0;

  constructor(options: {
    clock: Clock;
    random: Random;
    log: Logger;
    etypes: readonly number[];
    maxReferrals: number;
    path: (from: string, to: string) => readonly string[] | undefined;
  }) {
    this.clock = options.clock;
    this.random = options.random;
    this.log = options.log;
    this.etypes = options.etypes;
    this.maxReferrals = options.maxReferrals;
    this.path = options.path;
  }

  /** Now, by the clock of the realm's KDC as far as it is known. */
  now(realm: string): EpochMs {
    return this.clock.now() + (this.#offsets.get(realm) ?? 0);
  }

  /** Now, as a value that no other stamp of this client has: replay caches compare them. */
  stamp(realm: string): Stamp {
    this.#lastStamp = Math.max(Math.floor(this.now(realm)) * 1000, this.#lastStamp + 1);
    const microseconds = this.#lastStamp % 1_000_000;
    return { seconds: (this.#lastStamp - microseconds) / 1000, microseconds };
  }

  /** Learns the KDC's clock. Differences that no check notices are left alone: KDC times are whole seconds. */
  learnTime(realm: string, kdcTime: EpochMs): void {
    const measured = kdcTime - this.clock.now();
    const offset = Math.abs(measured) < unnoticedSkew ? 0 : measured;
    if (Math.abs(offset - (this.#offsets.get(realm) ?? 0)) < measuringError) return;
    this.#offsets.set(realm, offset);
    // Stamps must be able to go back with the clock.
    this.#lastStamp = 0;
    trace.clockSkew(this.log, realm, offset);
  }

  /** What is known of the realm's clock. */
  offset(realm: string): number {
    return this.#offsets.get(realm) ?? 0;
  }

  /** Forgets what was learned from a KDC that could not prove to be one. */
  restoreOffset(realm: string, offset: number): void {
    this.#offsets.set(realm, offset);
    this.#lastStamp = 0;
  }

  nonce(): number {
    return randomUint31(this.random);
  }
}

const unnoticedSkew = 30_000;
const measuringError = 2_000;
