import { equalBytes } from "@waybill/base";
import type { EncryptionKey } from "@waybill/kerberos";
import { tagOf } from "./replay-cache.ts";
import { type OpenedTicket, readTicketPart } from "./ticket-pac.ts";

interface Entry {
  readonly cipher: Uint8Array;
  readonly ticket: OpenedTicket;
}

/** Two generations of as many; a ticket with all that is derived from its keys takes some ten kilobytes. */
const generationSize = 1024;
/** Tickets shown once are known by a number only, in a table where later ones take the places of earlier ones. */
const sightings = 8192;

/**
 * Tickets as they were opened lately. A client shows its ticket-granting ticket with every request, a service the
 * same evidence for every target: deciphering and decoding it, checking its signatures and deriving keys from its
 * session key is half of the work of a request. What is kept follows from the octets and the key alone; whether
 * the ticket may still be used is decided anew each time.
 *
 * A ticket is kept when it is shown for the second time. Many are shown once, and to keep those for a while and then
 * let go of them would cost the garbage collector as much as it cost to open them.
 */
export class TicketMemory {
  #young = new Map<number, Entry>();
  #old = new Map<number, Entry>();
  readonly #seen = new Float64Array(sightings).fill(-1);

  /** The ticket that exactly this ciphertext and this very key object gave. */
  find(cipher: Uint8Array, key: EncryptionKey): OpenedTicket | undefined {
    const tag = tagOf(cipher);
    const young = this.#young.get(tag);
    const entry = young ?? this.#old.get(tag);
    if (entry === undefined || entry.ticket.key !== key || !equalBytes(entry.cipher, cipher))
      return undefined;
    if (young === undefined) this.#keep(tag, entry);
    return entry.ticket;
  }

  /** Decodes a ticket's inner part, and keeps it if it has been here before. The result is good for one request at least. */
  open(cipher: Uint8Array, part: Uint8Array, key: EncryptionKey): OpenedTicket {
    const tag = tagOf(cipher);
    const place = tag % sightings;
    if (this.#seen[place] !== tag) {
      this.#seen[place] = tag;
      return readTicketPart(part, key);
    }
    // Of its own, for what is decoded are views, and the buffers that messages come in are large.
    const ticket = readTicketPart(new Uint8Array(part), key);
    this.#keep(tag, { cipher: new Uint8Array(cipher), ticket });
    return ticket;
  }

  #keep(tag: number, entry: Entry): void {
    if (this.#young.size >= generationSize) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(tag, entry);
  }
}
