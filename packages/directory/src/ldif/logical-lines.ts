import { DirectoryError } from "../errors.ts";

/** A whole line: the octets of `buffer` from `start` to `end`, to be used before the call returns. */
export type LineVisitor = (line: number, buffer: Uint8Array, start: number, end: number) => void;

/** No attribute value in a directory comes near. */
const longestLine = 64 * 1024 * 1024;

const newline = 0x0a;
const carriageReturn = 0x0d;
const space = 0x20;
const hash = 0x23;

/**
 * Joins folded lines and drops comments (RFC 2849, notes 2 and 3) of a file that comes in pieces. What it hands over is
 * a place in a buffer, for an export has millions of lines, most of which nobody wants.
 */
export class LogicalLines {
  readonly #visit: LineVisitor;
  /** Number of the physical line that comes next, from 1. */
  #next = 1;
  /** The begin of a physical line whose end is in a later piece. */
  readonly #partial = new GrowingBytes();
  /** The logical line read so far: in `#folded` once it was folded or its piece is gone, until then in the piece. */
  #buffer: Uint8Array | undefined;
  #start = 0;
  #end = 0;
  #line = 0;
  readonly #folded = new GrowingBytes();

  /** @param visit gets every line but comments, blank ones as empty */
  constructor(visit: LineVisitor) {
    this.#visit = visit;
  }

  /** @throws DirectoryError BAD_LDIF for a line that never ends */
  push(chunk: Uint8Array): void {
    let from = 0;
    for (let at = 0; at < chunk.length; at++) {
      if (chunk[at] !== newline) continue;
      if (this.#partial.length === 0) {
        this.#physical(chunk, from, at);
      } else {
        this.#partial.append(chunk, from, at, this.#next);
        this.#wholePartial();
      }
      from = at + 1;
    }
    this.#keep();
    if (from < chunk.length) this.#partial.append(chunk, from, chunk.length, this.#next);
  }

  /** @returns number of the last line when it has no end, as in a file that was cut short */
  end(): number | undefined {
    const cut = this.#partial.length > 0 ? this.#next : undefined;
    if (cut !== undefined) this.#wholePartial();
    this.#flush();
    return cut;
  }

  #wholePartial(): void {
    this.#physical(this.#partial.bytes, 0, this.#partial.length);
    this.#keep();
    this.#partial.length = 0;
  }

  #physical(buffer: Uint8Array, start: number, until: number): void {
    const line = this.#next++;
    const end = until > start && buffer[until - 1] === carriageReturn ? until - 1 : until;
    if (buffer[start] === space && end > start && this.#buffer !== undefined) {
      this.#keep();
      this.#folded.append(buffer, start + 1, end, this.#line);
      this.#buffer = this.#folded.bytes;
      this.#end = this.#folded.length;
      return;
    }
    this.#flush();
    if (start === end) {
      this.#visit(line, buffer, start, end);
      return;
    }
    this.#buffer = buffer;
    this.#start = start;
    this.#end = end;
    this.#line = line;
  }

  /** Moves the line read so far out of a buffer that is about to change. */
  #keep(): void {
    if (this.#buffer === undefined || this.#buffer === this.#folded.bytes) return;
    this.#folded.length = 0;
    this.#folded.append(this.#buffer, this.#start, this.#end, this.#line);
    this.#buffer = this.#folded.bytes;
    this.#start = 0;
    this.#end = this.#folded.length;
  }

  #flush(): void {
    const buffer = this.#buffer;
    if (buffer === undefined) return;
    this.#buffer = undefined;
    if (buffer[this.#start] !== hash) this.#visit(this.#line, buffer, this.#start, this.#end);
  }
}

/** Octets that pieces are appended to, in a buffer that is used again and again. */
class GrowingBytes {
  bytes = new Uint8Array(4096);
  length = 0;

  append(from: Uint8Array, start: number, end: number, line: number): void {
    const length = this.length + end - start;
    if (length > longestLine) throw neverEnds(line);
    if (length > this.bytes.length) {
      const grown = new Uint8Array(Math.max(length, 2 * this.bytes.length));
      grown.set(this.bytes.subarray(0, this.length));
      this.bytes = grown;
    }
    this.bytes.set(from.subarray(start, end), this.length);
    this.length = length;
  }
}

function neverEnds(line: number): DirectoryError {
  return new DirectoryError(`line ${line} of the LDIF file does not end`, {
    code: "BAD_LDIF",
    family: "caller",
    facts: { line },
    remedy: "Check that the file is LDIF, as ldapsearch, ldifde or waybill dc export write it.",
  });
}
