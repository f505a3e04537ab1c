import { pooledCopy } from "@waybill/base";
import { AttributeNames } from "./attribute-names.ts";
import type { LdifProblem, LdifRecord } from "./ldif-record.ts";
import { LogicalLines } from "./logical-lines.ts";
import { type LdifLine, type Report, toRecord, trailers } from "./to-record.ts";
import { Utf8Source } from "./utf8-source.ts";

export interface ReadLdifOptions {
  readonly onProblem?: ((problem: LdifProblem) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Attributes of entries to read, by name in lower case without options; the others are passed over. All unless told. */
  readonly attributes?: ReadonlySet<string> | undefined;
}

/** What is read at a stretch, so that a file given in one piece is not turned into records all at once. */
const stretch = 256 * 1024;

/**
 * Reads LDIF (RFC 2849) as it streams in: folded lines, base64, change records, comments, what ldapsearch and ldifde
 * add around it. What cannot be read is reported by line and skipped; UTF-16 files are read and reported.
 *
 * @param source octets in chunks of any size, such as a file's read stream
 * @throws DirectoryError BAD_LDIF for a line that never ends
 */
export async function* readLdif(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: ReadLdifOptions = {},
): AsyncIterable<LdifRecord> {
  let records: LdifRecord[] = [];
  const reader = new LdifReader((record) => records.push(record), options);
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; at += stretch) {
      options.signal?.throwIfAborted();
      reader.push(chunk.subarray(at, at + stretch));
      yield* records;
      records = [];
    }
  }
  reader.end();
  yield* records;
}

/** Reads a whole LDIF text at once. */
export async function parseLdif(
  text: string | Uint8Array,
): Promise<{ records: LdifRecord[]; problems: LdifProblem[] }> {
  const problems: LdifProblem[] = [];
  const records: LdifRecord[] = [];
  const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
  for await (const record of readLdif([bytes], { onProblem: (problem) => problems.push(problem) }))
    records.push(record);
  return { records, problems };
}

/** The same, for a caller that has the pieces at hand: records are given to `visit` while they are read. */
export class LdifReader {
  readonly #visit: (record: LdifRecord) => void;
  readonly #report: Report;
  readonly #source: Utf8Source;
  readonly #lines: LogicalLines;
  readonly #names: AttributeNames;
  #record: LdifLine[] = [];
  #damaged = false;

  constructor(visit: (record: LdifRecord) => void, { onProblem, attributes }: ReadLdifOptions = {}) {
    this.#visit = visit;
    this.#report = (line, text) => {
      this.#damaged = true;
      onProblem?.({ line, text });
    };
    this.#source = new Utf8Source(this.#report);
    this.#names = new AttributeNames(
      attributes === undefined ? () => true : (name) => attributes.has(name) || keywords.has(name),
    );
    this.#lines = new LogicalLines((line, buffer, start, end) => this.#take(line, buffer, start, end));
  }

  /** @throws DirectoryError BAD_LDIF for a line that never ends */
  push(chunk: Uint8Array): void {
    this.#lines.push(this.#source.push(chunk));
  }

  end(): void {
    this.#lines.push(this.#source.end());
    const cut = this.#lines.end();
    if (cut !== undefined)
      this.#report(cut, "the file ends in the middle of this line; it may have been cut short");
    this.#finish();
  }

  #take(line: number, buffer: Uint8Array, start: number, end: number): void {
    if (start === end) {
      this.#finish();
      return;
    }
    if (end - start === 1 && buffer[start] === dash) {
      this.#record.push({ line, name: "-", value: nothing, separator: true });
      return;
    }
    const name = this.#names.at(buffer, start, end);
    if (name === undefined) {
      this.#report(line, "the line is no attribute and value");
      return;
    }
    if (!name.wanted) return;
    const value = this.#value(line, name.text, buffer, start + name.length + 1, end);
    if (value !== undefined) this.#record.push({ line, name: name.text, value, separator: false });
  }

  #value(line: number, name: string, buffer: Uint8Array, start: number, end: number): Uint8Array | undefined {
    const marker = start < end ? buffer[start] : undefined;
    if (marker === lessThan) {
      this.#report(line, `${name} refers to a file, which is not read`);
      return undefined;
    }
    let from = marker === colon ? start + 1 : start;
    while (from < end && buffer[from] === space) from++;
    if (marker !== colon) return pooledCopy(buffer, from, end);
    const text = ascii(buffer.subarray(from, end)).replace(/\s+$/, "");
    if (isBase64(text)) {
      const octets = Buffer.from(text, "base64");
      return new Uint8Array(octets.buffer, octets.byteOffset, octets.length);
    }
    this.#report(line, `the base64 of ${name} is damaged`);
    return undefined;
  }

  #finish(): void {
    if (this.#record.length === 0) {
      this.#damaged = false;
      return;
    }
    const record = toRecord(this.#record, this.#report);
    const damaged = this.#damaged;
    this.#record = [];
    this.#damaged = false;
    if (record !== undefined) this.#visit(damaged ? { ...record, damaged } : record);
  }
}

const nothing = new Uint8Array(0);
const colon = 0x3a;
const lessThan = 0x3c;
const space = 0x20;
const dash = 0x2d;

/** No group repeats: those overflow the stack on long values. */
function isBase64(text: string): boolean {
  const digits = text.replace(/={1,2}$/, "");
  return (
    digits.length % 4 !== 1 &&
    (text.length === digits.length || text.length % 4 === 0) &&
    !/[^A-Za-z0-9+/]/.test(digits)
  );
}

/** Words that begin a line and are no attributes of an entry. */
const keywords: ReadonlySet<string> = new Set([
  "dn",
  "changetype",
  "newrdn",
  "deleteoldrdn",
  "newsuperior",
  "add",
  "delete",
  "replace",
  ...trailers,
]);

function ascii(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}
