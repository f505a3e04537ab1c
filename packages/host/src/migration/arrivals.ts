import { sleep } from "@waybill/base";
import type { Channel } from "./channel.ts";

export interface Arrival {
  readonly migration: string;
  readonly vm: string;
  readonly host: string;
  readonly channel: Channel;
  readonly ended: Promise<unknown>;
}

/** In milliseconds; less than a source waits for an answer. */
const patience = 10_000;

/** The conversations in which machines arrive here right now. */
export class Arrivals {
  readonly #open = new Set<Arrival>();

  /** Whether a source is connected that is sending this VM. */
  serves(vm: string): boolean {
    return [...this.#open].some((arrival) => arrival.vm === vm);
  }

  /** The host that is sending in this migration. */
  sourceOf(migration: string): string | undefined {
    return [...this.#open].find((arrival) => arrival.migration === migration)?.host;
  }

  /** Holds a conversation until `work` has ended. */
  async hold(conversation: Omit<Arrival, "ended">, work: () => Promise<void>): Promise<void> {
    const ended = work().finally(() => this.#open.delete(arrival));
    const arrival = { ...conversation, ended };
    this.#open.add(arrival);
    await ended;
  }

  /**
   * Ends the conversations that their source has left, for it has come with a new one: two of them must not act on
   * one copy.
   *
   * @returns false when one of them has not ended after ten seconds.
   */
  async end(isLeft: (arrival: Arrival) => boolean): Promise<boolean> {
    const old = [...this.#open].filter(isLeft);
    for (const { channel } of old) channel.close();
    const timer = new AbortController();
    const tooLate = sleep(patience, timer.signal).catch(() => {});
    await Promise.race([Promise.allSettled(old.map(({ ended }) => ended)), tooLate]);
    timer.abort();
    return !old.some((arrival) => this.#open.has(arrival));
  }
}
