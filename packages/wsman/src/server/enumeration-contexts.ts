import { randomUUID } from "node:crypto";
import { type Clock, systemClock } from "@waybill/base";
import { faultError } from "../errors.ts";
import { type EnumerationBatch, type EnumerationItem, writeItem } from "../messages/enumeration.ts";
import { writeXml } from "../xml/write-xml.ts";

export interface EnumerationLimits {
  readonly maxPerSession: number;
  /** Milliseconds an enumeration survives without being pulled. */
  readonly idleTimeout: number;
  /** Items one answer may hold. */
  readonly maxBatch: number;
}

interface OpenEnumeration {
  readonly session: string;
  readonly iterator: Iterator<EnumerationItem> | AsyncIterator<EnumerationItem>;
  /** Read from the provider already but did not fit the last answer. */
  pending: EnumerationItem[];
  lastUsed: number;
  busy: boolean;
}

/** Room an answer needs besides its items. */
const envelopeOverhead = 4096;

/** The enumerations that clients have open: bound to their session, limited in number and in time. */
export class EnumerationContexts {
  readonly #open = new Map<string, OpenEnumeration>();
  readonly #limits: EnumerationLimits;
  readonly #clock: Clock;

  constructor(limits: EnumerationLimits, clock: Clock = systemClock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Keeps the enumeration and gives it a name. */
  add(session: string, items: Iterable<EnumerationItem> | AsyncIterable<EnumerationItem>): string {
    this.#expire();
    let held = 0;
    for (const enumeration of this.#open.values()) if (enumeration.session === session) held += 1;
    if (held >= this.#limits.maxPerSession) {
      throw faultError("quotaLimit", `a session may hold ${this.#limits.maxPerSession} enumerations open`);
    }
    const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
    const id = `uuid:${randomUUID().toUpperCase()}`;
    this.#open.set(id, { session, iterator, pending: [], lastUsed: this.#clock.now(), busy: false });
    return id;
  }

  /** The next items, as many as wanted and as fit into `maxBytes`. The last batch ends the enumeration. */
  async pull(session: string, id: string, wanted: number, maxBytes: number): Promise<EnumerationBatch> {
    this.#expire();
    const enumeration = this.#open.get(id);
    if (enumeration === undefined || enumeration.session !== session || enumeration.busy) {
      throw faultError(
        "invalidEnumerationContext",
        "the enumeration is not known: it ended, expired or is another's",
      );
    }
    enumeration.busy = true;
    try {
      const batch = await this.#collect(enumeration, Math.min(wanted, this.#limits.maxBatch), maxBytes);
      enumeration.lastUsed = this.#clock.now();
      if (batch.end) this.#open.delete(id);
      return { ...batch, context: batch.end ? undefined : id };
    } catch (error) {
      this.#end(id);
      throw error;
    } finally {
      enumeration.busy = false;
    }
  }

  release(session: string, id: string): void {
    if (this.#open.get(id)?.session === session) this.#end(id);
  }

  releaseSession(session: string): void {
    for (const [id, enumeration] of this.#open) if (enumeration.session === session) this.#end(id);
  }

  async #collect(enumeration: OpenEnumeration, wanted: number, maxBytes: number): Promise<EnumerationBatch> {
    const items: EnumerationItem[] = [];
    let room = maxBytes - envelopeOverhead;
    while (true) {
      const next = await this.#next(enumeration);
      if (next === undefined) return { items, end: true };
      const size = Buffer.byteLength(writeXml(writeItem(next)));
      if (items.length < wanted && size <= room) {
        items.push(next);
        room -= size;
        continue;
      }
      if (items.length === 0)
        throw faultError("encodingLimit", `an item of ${size} bytes exceeds MaxEnvelopeSize`);
      enumeration.pending.push(next);
      return { items, end: false };
    }
  }

  async #next(enumeration: OpenEnumeration): Promise<EnumerationItem | undefined> {
    const pending = enumeration.pending.shift();
    if (pending !== undefined) return pending;
    const result = await enumeration.iterator.next();
    return result.done === true ? undefined : result.value;
  }

  #expire(): void {
    const oldest = this.#clock.now() - this.#limits.idleTimeout;
    for (const [id, enumeration] of this.#open) {
      if (!enumeration.busy && enumeration.lastUsed < oldest) this.#end(id);
    }
  }

  #end(id: string): void {
    const enumeration = this.#open.get(id);
    this.#open.delete(id);
    // The provider's clean-up is its own affair: nobody waits for it any more.
    void Promise.resolve(enumeration?.iterator.return?.()).catch(() => {});
  }
}
