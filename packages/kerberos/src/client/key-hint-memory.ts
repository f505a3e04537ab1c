import type { Principal } from "../principal.ts";
import type { KeyHint } from "./client-keys.ts";

const limit = 1000;

/** Which key a KDC wanted at a client's last login: the next one need not ask first. */
export class KeyHintMemory {
  readonly #hints = new Map<string, KeyHint>();

  recall(principal: Principal): KeyHint | undefined {
    return this.#hints.get(identity(principal));
  }

  remember(principal: Principal, hint: KeyHint): void {
    const id = identity(principal);
    this.#hints.delete(id);
    this.#hints.set(id, hint);
    const oldest = this.#hints.size > limit ? this.#hints.keys().next() : undefined;
    if (oldest?.done === false) this.#hints.delete(oldest.value);
  }

  forget(principal: Principal): void {
    this.#hints.delete(identity(principal));
  }
}

function identity({ realm, nameType, components }: Principal): string {
  return JSON.stringify([realm, nameType, ...components]);
}
