/** A moment: milliseconds since 1970-01-01T00:00:00Z. The one representation of time in Waybill. */
export type EpochMs = number;

/** Where the time comes from. Injected, so that tests run at a fixed moment. */
export interface Clock {
  now(): EpochMs;
}

export const systemClock: Clock = { now: () => Date.now() };

/** The moment virtual clocks start at: not zero, so that an uninitialized time shows. */
export const virtualEpoch: EpochMs = Date.UTC(2026, 10, 1, 9, 0, 0);

/** A clock that only moves when told to. */
export class VirtualClock implements Clock {
  #now: EpochMs;

  constructor(start: EpochMs = virtualEpoch) {
    this.#now = start;
  }

  now(): EpochMs {
    return this.#now;
  }

  advance(milliseconds: number): void {
    this.#now += milliseconds;
  }
}
