import { Asn1Error } from "./asn1-error.ts";
import { type Codec, compileRepeated, compileSequence, type Member } from "./compile.ts";
import { type Reader, tagMismatch } from "./reader.ts";
import { Schema, TlvSchema } from "./schema.ts";
import type { Writer } from "./writer.ts";

/** A member that may be missing. */
export interface OptionalField<T> {
  readonly presence: "optional";
  readonly schema: Schema<T>;
}

/** A member that stands for a fixed value when it is missing, and is left out when it has that value. */
export interface DefaultedField<T> {
  readonly presence: "defaulted";
  readonly schema: Schema<T>;
  readonly value: T;
}

type FieldType<F> =
  F extends Schema<infer T>
    ? T
    : F extends OptionalField<infer T>
      ? T
      : F extends DefaultedField<infer T>
        ? T
        : never;

type OptionalKeys<F> = { [K in keyof F]: F[K] extends { presence: "optional" } ? K : never }[keyof F];

/** The object a SEQUENCE with these members decodes to. */
export type SequenceValue<F> = {
  [K in Exclude<keyof F, OptionalKeys<F>>]: FieldType<F[K]>;
} & {
  [K in OptionalKeys<F>]?: FieldType<F[K]> | undefined;
} extends infer Flat
  ? { [K in keyof Flat]: Flat[K] }
  : never;

/** Marks a member of a SEQUENCE as OPTIONAL. */
export function optional<T>(schema: Schema<T>): OptionalField<T> {
  return { presence: "optional", schema };
}

/** Marks a member of a SEQUENCE as having a DEFAULT: it reads as `value` when it is missing. */
export function defaulted<T extends boolean | number | string>(
  schema: Schema<T>,
  value: T,
): DefaultedField<T> {
  return { presence: "defaulted", schema, value };
}

function toMember([key, field]: [string, unknown]): Member {
  const label = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  if (field instanceof Schema)
    return { key, label, schema: field, presence: "required", fallback: undefined };
  const { presence, schema, value } = field as DefaultedField<unknown>;
  return { key, label, schema, presence, fallback: value };
}

const sequenceTag = 0x30;
const setTag = 0x31;

class SequenceSchema<T> extends TlvSchema<T> {
  readonly #members: readonly Member[];
  readonly #extensible: boolean;
  #codec: Codec<T> | undefined;

  constructor(name: string, members: readonly Member[], extensible: boolean) {
    super(name, sequenceTag);
    this.#members = members;
    this.#extensible = extensible;
  }

  override readContent(reader: Reader, length: number): T {
    return (this.#codec ?? this.#compile()).read(reader, length);
  }

  override writeContent(writer: Writer, value: T): void {
    (this.#codec ?? this.#compile()).write(writer, value);
  }

  /** When first needed: most programs use a few of all the messages there are. */
  #compile(): Codec<T> {
    this.#codec = compileSequence(this.#members, this.#extensible);
    return this.#codec;
  }
}

/**
 * SEQUENCE. Members are read in the order given; names are the specification's in camelCase, and appear in
 * errors as the specification writes them (`reqBody` → `req-body`).
 *
 * @param options.extensible for types whose definition ends in `...`: unknown members at the end are skipped.
 */
export function sequence<F extends Readonly<Record<string, unknown>>>(
  name: string,
  fields: F,
  options: { readonly extensible?: boolean } = {},
): TlvSchema<SequenceValue<F>> {
  return new SequenceSchema(name, Object.entries(fields).map(toMember), options.extensible ?? false);
}

class RepeatedSchema<T> extends TlvSchema<T[]> {
  readonly #element: Schema<T>;
  #codec: Codec<T[]> | undefined;

  constructor(name: string, tag: number, element: Schema<T>) {
    super(name, tag);
    this.#element = element;
  }

  override readContent(reader: Reader, length: number): T[] {
    return (this.#codec ?? this.#compile()).read(reader, length);
  }

  override writeContent(writer: Writer, values: T[]): void {
    (this.#codec ?? this.#compile()).write(writer, values);
  }

  #compile(): Codec<T[]> {
    this.#codec = compileRepeated(this.#element);
    return this.#codec;
  }
}

/** SEQUENCE OF */
export function sequenceOf<T>(element: Schema<T>): TlvSchema<T[]> {
  return new RepeatedSchema(`SEQUENCE OF ${element.name}`, sequenceTag, element);
}

/** SET OF, written in the order given: for LDAP, whose BER does not ask for DER's sorting. */
export function setOf<T>(element: Schema<T>): TlvSchema<T[]> {
  return new RepeatedSchema(`SET OF ${element.name}`, setTag, element);
}

/** The value of a CHOICE: which alternative, and its value. */
export type ChoiceValue<A> = { [K in keyof A]: { kind: K; value: FieldType<A[K]> } }[keyof A];

class ChoiceSchema<T> extends Schema<T> {
  readonly name: string;
  readonly #alternatives: ReadonlyMap<string, Schema<unknown>>;

  constructor(name: string, alternatives: ReadonlyMap<string, Schema<unknown>>) {
    super();
    this.name = name;
    this.#alternatives = alternatives;
  }

  override accepts(tag: number): boolean {
    for (const schema of this.#alternatives.values()) if (schema.accepts(tag)) return true;
    return false;
  }

  override read(reader: Reader): T {
    const tag = reader.peekTag();
    for (const [kind, schema] of this.#alternatives) {
      if (schema.accepts(tag)) return { kind, value: schema.read(reader) } as T;
    }
    throw tagMismatch(tag, `one of ${[...this.#alternatives.keys()].join(", ")}`);
  }

  override write(writer: Writer, value: T): void {
    const { kind, value: inner } = value as { kind: string; value: unknown };
    const schema = this.#alternatives.get(kind);
    if (schema === undefined) throw new Asn1Error("ASN1_BAD_VALUE", `no alternative ${kind}`);
    schema.write(writer, inner);
  }
}

/** CHOICE between alternatives that differ in their tags. */
export function choice<A extends Readonly<Record<string, Schema<unknown>>>>(
  name: string,
  alternatives: A,
): Schema<ChoiceValue<A>> {
  return new ChoiceSchema(name, new Map(Object.entries(alternatives)));
}
