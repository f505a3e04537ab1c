/** UDP port the test guest's heartbeats go to. */
export const heartbeatPort = 7007;

/** One tick of the test guest; see `guest/guest.c`. */
export interface Heartbeat {
  readonly sequence: number;
  /** The guest's monotonic clock, in ms. It stands still while the guest is stopped. */
  readonly guestTime: number;
  /** Longest time between two ticks by the guest's own clock, in ms. */
  readonly guestGap: number;
  /** Sequence of the last disk write the guest was told is done; 0 when it writes none. */
  readonly acknowledgedWrite: number;
}

export function parseHeartbeat(data: Buffer): Heartbeat | undefined {
  if (data.length < 40 || data.toString("latin1", 0, 8) !== "WBYBEAT1") return undefined;
  const word = (index: number): number => Number(data.readBigUInt64LE(index * 8));
  return {
    sequence: word(1),
    guestTime: word(2) / 1e6,
    guestGap: word(3) / 1e6,
    acknowledgedWrite: word(4),
  };
}

/** What arrived of a guest's heartbeat, by this machine's clock. Times in ms. */
export interface HeartbeatScore {
  readonly received: number;
  readonly lost: number;
  /** Longest silence: what somebody who talks to the guest notices of a switchover. */
  readonly largestGap: number;
  readonly last: Heartbeat | undefined;
  /** How long ago the last one came. */
  readonly silence: number;
}

/**
 * The guest's own clocks stop with the guest, so only somebody outside can see how long it stood still:
 * this watch does.
 */
export class HeartbeatWatch {
  readonly #stop: () => void;
  #received = 0;
  #lost = 0;
  #largestGap = 0;
  #last: Heartbeat | undefined;
  #lastAt = performance.now();

  constructor(stop: () => void) {
    this.#stop = stop;
  }

  received(beat: Heartbeat): void {
    const now = performance.now();
    if (this.#last !== undefined) {
      this.#largestGap = Math.max(this.#largestGap, now - this.#lastAt);
      this.#lost += Math.max(0, beat.sequence - this.#last.sequence - 1);
    }
    this.#received++;
    this.#last = beat;
    this.#lastAt = now;
  }

  /** The score so far; with `reset` the next one starts at nothing. */
  score(options: { readonly reset?: boolean } = {}): HeartbeatScore {
    const silence = performance.now() - this.#lastAt;
    const score = {
      received: this.#received,
      lost: this.#lost,
      largestGap: Math.max(this.#largestGap, this.#last === undefined ? 0 : silence),
      last: this.#last,
      silence,
    };
    if (options.reset) [this.#received, this.#lost, this.#largestGap] = [0, 0, 0];
    return score;
  }

  stop(): HeartbeatScore {
    this.#stop();
    return this.score();
  }
}
