import type { Reader } from "./reader.ts";
import { Schema } from "./schema.ts";
import type { Writer } from "./writer.ts";

/** A decoded value together with the exact bytes it came from, for parts that are covered by a checksum. */
export interface Captured<T> {
  readonly value: T;
  readonly bytes: Uint8Array;
}

class CapturedSchema<T> extends Schema<Captured<T>> {
  readonly name: string;
  readonly #inner: Schema<T>;

  constructor(inner: Schema<T>) {
    super();
    this.name = inner.name;
    this.#inner = inner;
  }

  override accepts(tag: number): boolean {
    return this.#inner.accepts(tag);
  }

  override read(reader: Reader): Captured<T> {
    const start = reader.position;
    const value = this.#inner.read(reader);
    return { value, bytes: reader.sliceFrom(start, reader.position) };
  }

  override write(writer: Writer, value: Captured<T>): void {
    writer.octets(value.bytes);
  }
}

/** Reads `inner` and keeps its bytes; writes those bytes back unchanged. */
export function captured<T>(inner: Schema<T>): Schema<Captured<T>> {
  return new CapturedSchema(inner);
}

/** Encodes `value` once, for use where a `captured` schema is written. */
export function capture<T>(schema: Schema<T>, value: T): Captured<T> {
  return { value, bytes: schema.encode(value) };
}

class AnySchema extends Schema<Uint8Array> {
  readonly name = "ANY";

  override accepts(tag: number): boolean {
    return tag >= 0;
  }

  override read(reader: Reader): Uint8Array {
    const start = reader.skipValue();
    return reader.sliceFrom(start, reader.position);
  }

  override write(writer: Writer, value: Uint8Array): void {
    writer.octets(value);
  }
}

/** An open type: one whole encoded value, tag and length included, left as it is. */
export const any: Schema<Uint8Array> = new AnySchema();
