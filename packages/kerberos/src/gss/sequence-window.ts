import { GssError } from "./gss-error.ts";

const size = 64;

/**
 * Detects replayed, old and reordered tokens of one direction: RFC 2743 section 1.2.3. Remembers the last 64
 * sequence numbers; without `replay` and `sequence` everything passes.
 */
export class SequenceWindow {
  readonly #first: number;
  readonly #replay: boolean;
  readonly #sequence: boolean;
  readonly #seen = new Float64Array(size).fill(-1);
  #next: number;

  constructor(first: number, options: { readonly replay: boolean; readonly sequence: boolean }) {
    this.#first = first;
    this.#next = first;
    this.#replay = options.replay;
    this.#sequence = options.sequence;
  }

  /** Call only with a number whose token was authentic. @throws GssError GSS_DUPLICATE_TOKEN, GSS_OLD_TOKEN, GSS_OUT_OF_SEQUENCE */
  accept(number: number): void {
    if (!this.#replay && !this.#sequence) return;
    const expected = this.#next;
    if (number === expected) {
      this.#note(number);
      return;
    }
    const facts = { expected, received: number };
    if (number > expected) {
      this.#note(number);
      if (!this.#sequence) return;
      const missing = number - expected;
      throw new GssError("GSS_OUT_OF_SEQUENCE", `${missing} token(s) before this one are missing`, { facts });
    }
    if (number < this.#first || number < expected - size) {
      throw new GssError("GSS_OLD_TOKEN", "the token is too old to tell whether it is a replay", { facts });
    }
    if (this.#seen[number % size] === number) {
      throw new GssError("GSS_DUPLICATE_TOKEN", "the token was received before", { facts });
    }
    this.#seen[number % size] = number;
    if (this.#sequence)
      throw new GssError("GSS_OUT_OF_SEQUENCE", "the token comes after its successor", { facts });
  }

  #note(number: number): void {
    this.#seen[number % size] = number;
    this.#next = number + 1;
  }
}
