import type { Principal } from "../principal.ts";
import { type Credential, ticketFingerprint } from "./credential.ts";

/** Everything that makes one ticket different from another. Two people never share a key: their tickets differ. */
export interface TicketCacheKey {
  /** The ticket-granting ticket that pays for it; names the client and its login. */
  readonly tgt: Credential;
  /** The person acted for, when it is not the client. */
  readonly subject?: Principal | undefined;
  readonly evidence?: Credential | undefined;
  readonly target: Principal;
  readonly etypes: readonly number[];
  /** KDC options and whatever else the ticket depends on. */
  readonly variant: string;
}

/** Tickets in memory. Entries that have expired are never returned, and go when the cache is full. */
export class TicketCache {
  readonly #entries = new Map<string, Credential>();
  readonly #limit: number;

  /** @param limit how many tickets to hold; the oldest go first */
  constructor(limit = 1000) {
    this.#limit = limit;
  }

  /** @param validUntil the ticket must live at least until this moment, epoch milliseconds */
  get(key: TicketCacheKey, validUntil: number): Credential | undefined {
    const id = identity(key);
    const found = this.#entries.get(id);
    if (found === undefined) return undefined;
    if (found.endTime > validUntil) return found;
    this.#entries.delete(id);
    return undefined;
  }

  set(key: TicketCacheKey, credential: Credential): void {
    const id = identity(key);
    this.#entries.delete(id);
    this.#entries.set(id, credential);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#limit) break;
      this.#entries.delete(oldest);
    }
  }

  get size(): number {
    return this.#entries.size;
  }

  clear(): void {
    this.#entries.clear();
  }
}

function identity({ tgt, subject, evidence, target, etypes, variant }: TicketCacheKey): string {
  // JSON keeps neighbouring names apart, whatever characters they hold.
  return JSON.stringify([
    ticketFingerprint(tgt.ticket),
    name(tgt.client),
    subject && name(subject),
    evidence && [ticketFingerprint(evidence.ticket), name(evidence.client)],
    name(target),
    etypes,
    variant,
  ]);
}

function name({ realm, nameType, components }: Principal): readonly unknown[] {
  return [realm, nameType, ...components];
}
