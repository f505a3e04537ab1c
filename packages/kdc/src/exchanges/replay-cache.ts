import type { Clock, EpochMs } from "@waybill/base";
import { AnswerRing } from "./answer-ring.ts";
import { TagTable } from "./tag-table.ts";

export interface ReplayCacheOptions {
  readonly clock: Clock;
  /** How far the clocks of clients may be off, in milliseconds: authenticators are remembered for at least twice as long. */
  readonly clockSkew: number;
  /** Authenticators kept per generation; more than that and the older generation is forgotten early. */
  readonly capacity?: number | undefined;
}

export type ReplayVerdict =
  | { readonly kind: "fresh" }
  /** The same request again, as after a lost datagram: its answer. */
  | { readonly kind: "retransmission"; readonly reply: Uint8Array }
  | { readonly kind: "replay" };

const fresh: ReplayVerdict = { kind: "fresh" };
const replay: ReplayVerdict = { kind: "replay" };

/**
 * Remembers authenticators (RFC 4120 section 3.2.3) by the last octets of their ciphertext, which are a keyed
 * hash, and the latest answers, so that a client whose answer got lost receives the same one again.
 *
 * Two generations, each as long as an authenticator is good for: forgetting costs nothing and memory is bounded.
 */
export class ReplayCache {
  readonly #clock: Clock;
  readonly #generation: number;
  #young: TagTable;
  #old: TagTable;
  #turned: EpochMs;
  readonly #answers = new AnswerRing();

  constructor(options: ReplayCacheOptions) {
    const capacity = options.capacity ?? 1_000_000;
    this.#clock = options.clock;
    this.#generation = 2 * options.clockSkew;
    this.#young = new TagTable(capacity);
    this.#old = new TagTable(capacity);
    this.#turned = options.clock.now();
  }

  /** Registers the authenticator of `request`. */
  check(ciphertext: Uint8Array, request: Uint8Array): ReplayVerdict {
    this.#turn();
    const tag = tagOf(ciphertext);
    if (!this.#young.has(tag) && !this.#old.has(tag)) {
      this.#young.add(tag);
      return fresh;
    }
    const reply = this.#answers.find(tag, request);
    return reply === undefined ? replay : { kind: "retransmission", reply };
  }

  /** Keeps the answer to a request whose authenticator was fresh. */
  answered(ciphertext: Uint8Array, request: Uint8Array, reply: Uint8Array): void {
    this.#answers.add(tagOf(ciphertext), request, reply);
  }

  #turn(): void {
    const elapsed = this.#clock.now() - this.#turned;
    if (elapsed < this.#generation && !this.#young.full) return;
    const emptied = this.#old;
    emptied.clear();
    this.#old = this.#young;
    this.#young = emptied;
    if (elapsed >= 2 * this.#generation) this.#old.clear();
    this.#turned = this.#clock.now();
  }
}

/** 53 bits of the integrity tag: as many as a number holds exactly. */
export function tagOf(ciphertext: Uint8Array): number {
  const at = ciphertext.length - 7;
  let tag = (ciphertext[at] ?? 0) & 0x1f;
  for (let i = 1; i < 7; i++) tag = tag * 256 + (ciphertext[at + i] ?? 0);
  return tag;
}
