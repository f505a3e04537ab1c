import { Asn1Error, located } from "./asn1-error.ts";
import { type DecodeOptions, describeTag, Reader } from "./reader.ts";
import { type Writer, withWriter } from "./writer.ts";

/** The TypeScript type a schema reads and writes. */
export type Infer<S> = S extends Schema<infer T> ? T : never;

/**
 * One ASN.1 type: its decoder, its encoder and, through `Infer`, its TypeScript type.
 * Compose schemas with the functions of this package; call `decode` and `encode` on the outermost one.
 */
export abstract class Schema<T> {
  abstract readonly name: string;
  /** Whether an encoding of this type may begin with this identifier octet. */
  abstract accepts(tag: number): boolean;
  /** Reads one value at the reader's position. */
  abstract read(reader: Reader): T;
  /** Writes one value in front of what the writer holds. */
  abstract write(writer: Writer, value: T): void;

  /**
   * Decodes `bytes`, which must hold exactly one value. Byte strings in the result are views of `bytes`.
   *
   * @throws Asn1Error naming the path of the part that does not fit.
   */
  decode(bytes: Uint8Array, options?: DecodeOptions): T {
    const { value, length } = this.decodePrefix(bytes, options);
    if (length !== bytes.length) {
      throw new Asn1Error("ASN1_TRAILING_BYTES", `${bytes.length - length} bytes after the value`, this.name);
    }
    return value;
  }

  /** Decodes the value at the start of `bytes`; `length` is what it took. */
  decodePrefix(bytes: Uint8Array, options?: DecodeOptions): { value: T; length: number } {
    try {
      const reader = new Reader(bytes, options);
      return { value: this.read(reader), length: reader.position };
    } catch (error) {
      throw located(error, this.name);
    }
  }

  /** Encodes `value` in DER. @throws Asn1Error when the value does not fit the type. */
  encode(value: T): Uint8Array {
    try {
      return withWriter((writer) => this.write(writer, value));
    } catch (error) {
      throw located(error, this.name);
    }
  }
}

/** A type with one identifier octet, whose content can therefore be retagged (IMPLICIT). */
export abstract class TlvSchema<T> extends Schema<T> {
  readonly tag: number;
  readonly name: string;

  constructor(name: string, tag: number) {
    super();
    this.name = name;
    this.tag = tag;
  }

  abstract readContent(reader: Reader, length: number): T;
  abstract writeContent(writer: Writer, value: T): void;

  override accepts(tag: number): boolean {
    return tag === this.tag;
  }

  override read(reader: Reader): T {
    return this.readContent(reader, reader.header(this.tag));
  }

  override write(writer: Writer, value: T): void {
    const before = writer.size;
    this.writeContent(writer, value);
    writer.header(this.tag, writer.size - before);
  }
}

const contextClass = 0x80;
const applicationClass = 0x40;
const constructedBit = 0x20;

/** EXPLICIT tagging: a value inside another tag. */
export class ExplicitSchema<T> extends TlvSchema<T> {
  readonly inner: Schema<T>;

  constructor(tag: number, inner: Schema<T>) {
    super(inner.name === "" ? describeTag(tag) : inner.name, tag);
    this.inner = inner;
  }

  override readContent(reader: Reader, length: number): T {
    const outer = reader.enter(length);
    const value = this.inner.read(reader);
    reader.leave(outer);
    return value;
  }

  override writeContent(writer: Writer, value: T): void {
    this.inner.write(writer, value);
  }
}

class Implicit<T> extends TlvSchema<T> {
  readonly #inner: TlvSchema<T>;

  constructor(tag: number, inner: TlvSchema<T>) {
    super(inner.name, tag | (inner.tag & constructedBit));
    this.#inner = inner;
  }

  override readContent(reader: Reader, length: number): T {
    return this.#inner.readContent(reader, length);
  }

  override writeContent(writer: Writer, value: T): void {
    this.#inner.writeContent(writer, value);
  }
}

function tagNumber(number: number): number {
  if (!Number.isInteger(number) || number < 0 || number > 30) throw new RangeError(`tag number ${number}`);
  return number;
}

/** `[n] EXPLICIT` */
export function context<T>(number: number, inner: Schema<T>): TlvSchema<T> {
  return new ExplicitSchema(contextClass | constructedBit | tagNumber(number), inner);
}

/** `[n] IMPLICIT` */
export function implicit<T>(number: number, inner: TlvSchema<T>): TlvSchema<T> {
  return new Implicit(contextClass | tagNumber(number), inner);
}

/** `[APPLICATION n] EXPLICIT` */
export function application<T>(number: number, inner: Schema<T>): TlvSchema<T> {
  return new ExplicitSchema(applicationClass | constructedBit | tagNumber(number), inner);
}

/** `[APPLICATION n] IMPLICIT` */
export function implicitApplication<T>(number: number, inner: TlvSchema<T>): TlvSchema<T> {
  return new Implicit(applicationClass | tagNumber(number), inner);
}
