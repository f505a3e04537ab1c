import { TextDecoder } from "node:util";
import { concatBytes } from "@waybill/base";

/** Octets of the head that tell the encoding. */
const enough = 4;

/**
 * Makes UTF-8 of a file that comes in pieces: a byte order mark says whether it is UTF-16, as `ldifde -u` writes and
 * PowerShell's `>` too; without one, the zeros of its first letters do.
 */
export class Utf8Source {
  readonly #report: (line: number, text: string) => void;
  readonly #encoder = new TextEncoder();
  #head: Uint8Array | undefined = new Uint8Array(0);
  #decoder: TextDecoder | undefined;

  constructor(report: (line: number, text: string) => void) {
    this.#report = report;
  }

  push(chunk: Uint8Array): Uint8Array {
    if (this.#head === undefined) return this.#converted(chunk);
    const bytes = concatBytes(this.#head, chunk);
    if (bytes.length < enough) {
      this.#head = bytes;
      return new Uint8Array(0);
    }
    return this.#begin(bytes);
  }

  end(): Uint8Array {
    const rest = this.#head === undefined ? new Uint8Array(0) : this.#begin(this.#head);
    return this.#decoder === undefined ? rest : this.#encoder.encode(this.#decoder.decode());
  }

  #begin(bytes: Uint8Array): Uint8Array {
    this.#head = undefined;
    const encoding = encodingOf(bytes);
    if (encoding !== undefined) {
      this.#report(1, `the file is ${encoding.toUpperCase()}, not UTF-8; it was converted`);
      this.#decoder = new TextDecoder(encoding);
    }
    const marked = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
    return this.#converted(marked ? bytes.subarray(3) : bytes);
  }

  #converted(bytes: Uint8Array): Uint8Array {
    return this.#decoder === undefined
      ? bytes
      : this.#encoder.encode(this.#decoder.decode(bytes, { stream: true }));
  }
}

function encodingOf([first, second, third, fourth]: Uint8Array): "utf-16le" | "utf-16be" | undefined {
  if (first === 0xff && second === 0xfe) return "utf-16le";
  if (first === 0xfe && second === 0xff) return "utf-16be";
  if (first !== 0 && second === 0 && third !== 0 && fourth === 0) return "utf-16le";
  return first === 0 && second !== 0 && third === 0 && fourth !== 0 ? "utf-16be" : undefined;
}
