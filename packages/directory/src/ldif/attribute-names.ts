/** The name a line begins with. */
export interface AttributeName {
  readonly text: string;
  /** Octets before the colon. */
  readonly length: number;
  readonly wanted: boolean;
}

const longestName = 1024;
/** A schema has some fifteen hundred attributes; a hostile file has no end of them. */
const mostKept = 10_000;
const colon = 0x3a;

/** Reads the names lines begin with; the few there are come again and again, and are known by their octets. */
export class AttributeNames {
  readonly #wanted: (name: string) => boolean;
  readonly #known = new Map<number, AttributeName>();

  /** @param wanted asked for each name once, in lower case and without options */
  constructor(wanted: (name: string) => boolean) {
    this.#wanted = wanted;
  }

  /** @returns `undefined` when no attribute name and colon are there */
  at(buffer: Uint8Array, start: number, end: number): AttributeName | undefined {
    let hash = 0;
    let at = start;
    for (; at < end; at++) {
      const octet = buffer[at] ?? colon;
      if (octet === colon) break;
      hash = (Math.imul(hash, 31) + octet) | 0;
    }
    if (at === end || at === start || at - start > longestName) return undefined;
    const known = this.#known.get(hash);
    if (known !== undefined && isAt(known.text, buffer, start, at)) return known;
    const text = Buffer.from(buffer.buffer, buffer.byteOffset + start, at - start).toString("latin1");
    if (!/^[A-Za-z0-9][A-Za-z0-9.-]*(;[A-Za-z0-9-=*]+)*$/.test(text)) return undefined;
    const bare = text.replace(/;.*/, "").toLowerCase();
    const name = { text, length: text.length, wanted: this.#wanted(bare) };
    if (this.#known.size < mostKept) this.#known.set(hash, name);
    return name;
  }
}

function isAt(text: string, buffer: Uint8Array, start: number, end: number): boolean {
  if (text.length !== end - start) return false;
  for (let index = 0; index < text.length; index++)
    if (text.charCodeAt(index) !== buffer[start + index]) return false;
  return true;
}
