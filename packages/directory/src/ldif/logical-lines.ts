import { TextDecoder } from "node:util";
import { concatBytes } from "@waybill/base";
import { DirectoryError } from "../errors.ts";

export interface LogicalLine {
  /** Number of its first physical line, from 1. */
  readonly line: number;
  /** Without line ends, folded parts joined; empty for a blank line. Comments are left out. */
  readonly bytes: Uint8Array;
}

/** No attribute value in a directory comes near. */
const longestLine = 64 * 1024 * 1024;

const newline = 0x0a;
const carriageReturn = 0x0d;
const space = 0x20;
const hash = 0x23;

/** Joins folded lines and drops comments: RFC 2849, notes 2 and 3. */
export async function* logicalLines(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  report: (line: number, text: string) => void,
): AsyncIterable<LogicalLine> {
  let parts: Uint8Array[] = [];
  let size = 0;
  let start = 0;
  const take = (): LogicalLine | undefined => {
    if (parts.length === 0) return undefined;
    const bytes = joined(parts);
    parts = [];
    size = 0;
    return bytes[0] === hash ? undefined : { line: start, bytes };
  };
  for await (const { line, bytes } of physicalLines(inUtf8(source, report))) {
    if (bytes[0] === space && parts.length > 0) {
      parts.push(bytes.subarray(1));
      size += bytes.length;
      if (size > longestLine) throw neverEnds(start);
      continue;
    }
    const finished = take();
    if (finished !== undefined) yield finished;
    if (bytes.length === 0) {
      yield { line, bytes };
    } else {
      parts = [bytes];
      size = bytes.length;
      start = line;
    }
  }
  const last = take();
  if (last !== undefined) yield last;
}

async function* physicalLines(source: AsyncIterable<Uint8Array>): AsyncIterable<LogicalLine> {
  let line = 0;
  let pending: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source) {
    let from = 0;
    for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, from)) {
      const whole =
        pending.length === 0 ? chunk.subarray(from, at) : joined([...pending, chunk.subarray(from, at)]);
      pending = [];
      size = 0;
      line++;
      yield { line, bytes: whole.at(-1) === carriageReturn ? whole.subarray(0, -1) : whole };
      from = at + 1;
    }
    if (from < chunk.length) {
      pending.push(chunk.slice(from));
      size += chunk.length - from;
      if (size > longestLine) throw neverEnds(line + 1);
    }
  }
  if (pending.length > 0) yield { line: line + 1, bytes: joined(pending) };
}

/** The source in UTF-8: a byte order mark says whether it is UTF-16, as `ldifde -u` writes. */
async function* inUtf8(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  report: (line: number, text: string) => void,
): AsyncIterable<Uint8Array> {
  let decoder: TextDecoder | undefined;
  let head: Uint8Array | undefined = new Uint8Array(0);
  const encoder = new TextEncoder();
  for await (const chunk of source) {
    let bytes: Uint8Array = chunk;
    if (head !== undefined) {
      bytes = concatBytes(head, chunk);
      if (bytes.length < 3) {
        head = bytes;
        continue;
      }
      head = undefined;
      const encoding =
        bytes[0] === 0xff && bytes[1] === 0xfe
          ? "utf-16le"
          : bytes[0] === 0xfe && bytes[1] === 0xff
            ? "utf-16be"
            : undefined;
      if (encoding !== undefined) {
        report(1, `the file is ${encoding.toUpperCase()}, not UTF-8; it was converted`);
        decoder = new TextDecoder(encoding);
      } else if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
        bytes = bytes.subarray(3);
      }
    }
    yield decoder === undefined ? bytes : encoder.encode(decoder.decode(bytes, { stream: true }));
  }
  if (head !== undefined && head.length > 0) yield head;
  if (decoder !== undefined) yield encoder.encode(decoder.decode());
}

/** A value folded into a hundred thousand lines is more than a function takes as arguments. */
function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

function neverEnds(line: number): DirectoryError {
  return new DirectoryError(`line ${line} of the LDIF file does not end`, {
    code: "BAD_LDIF",
    family: "caller",
    facts: { line },
    remedy: "Check that the file is LDIF, as ldapsearch, ldifde or waybill dc export write it.",
  });
}
