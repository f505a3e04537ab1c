import { type Clock, type EpochMs, equalBytes } from "@waybill/base";

export interface ReplayCacheOptions {
  readonly clock: Clock;
  /** How long an authenticator is remembered: at least twice the allowed clock skew, in milliseconds. */
  readonly window: number;
  /** Authenticators kept per half window; more than that and the oldest half is forgotten early. */
  readonly capacity?: number | undefined;
}

export type ReplayVerdict =
  | { readonly kind: "fresh" }
  /** The same request again, as after a lost datagram: its answer. */
  | { readonly kind: "retransmission"; readonly reply: Uint8Array }
  | { readonly kind: "replay" };

interface Answered {
  readonly request: Uint8Array;
  readonly reply: Uint8Array;
}

const fresh: ReplayVerdict = { kind: "fresh" };
const replay: ReplayVerdict = { kind: "replay" };
const answersKept = 512;

/**
 * Remembers authenticators (RFC 4120 section 3.2.3) by the last octets of their ciphertext, which are a keyed
 * hash, and the latest answers, so that a client whose answer got lost receives the same one again.
 *
 * Two generations of half a window each: forgetting costs nothing and memory is bounded.
 */
export class ReplayCache {
  readonly #clock: Clock;
  readonly #halfWindow: number;
  readonly #capacity: number;
  #young = new Set<number>();
  #old = new Set<number>();
  #turned: EpochMs;
  readonly #answers = new Map<number, Answered>();

  constructor(options: ReplayCacheOptions) {
    this.#clock = options.clock;
    this.#halfWindow = options.window;
    this.#capacity = options.capacity ?? 500_000;
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
    const answered = this.#answers.get(tag);
    if (answered !== undefined && equalBytes(answered.request, request)) {
      return { kind: "retransmission", reply: answered.reply };
    }
    return replay;
  }

  /** Keeps the answer to a request whose authenticator was fresh. */
  answered(ciphertext: Uint8Array, request: Uint8Array, reply: Uint8Array): void {
    if (this.#answers.size >= answersKept) {
      for (const oldest of this.#answers.keys()) {
        this.#answers.delete(oldest);
        break;
      }
    }
    // The caller's buffer may be reused for the next datagram.
    this.#answers.set(tagOf(ciphertext), { request: request.slice(), reply });
  }

  #turn(): void {
    const now = this.#clock.now();
    const elapsed = now - this.#turned;
    if (elapsed < this.#halfWindow && this.#young.size < this.#capacity) return;
    this.#old = elapsed >= 2 * this.#halfWindow ? new Set() : this.#young;
    this.#young = new Set();
    this.#turned = now;
  }
}

/** 53 bits of the integrity tag: as many as a number holds exactly. */
function tagOf(ciphertext: Uint8Array): number {
  const at = ciphertext.length - 7;
  let tag = (ciphertext[at] ?? 0) & 0x1f;
  for (let i = 1; i < 7; i++) tag = tag * 256 + (ciphertext[at + i] ?? 0);
  return tag;
}
