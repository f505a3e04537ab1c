import { Asn1Error, located } from "./asn1-error.ts";
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

interface Member {
  readonly key: string;
  readonly label: string;
  readonly schema: Schema<unknown>;
  readonly presence: "required" | "optional" | "defaulted";
  readonly fallback: unknown;
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

  constructor(name: string, members: readonly Member[], extensible: boolean) {
    super(name, sequenceTag);
    this.#members = members;
    this.#extensible = extensible;
  }

  override readContent(reader: Reader, length: number): T {
    const outer = reader.enter(length);
    const value: Record<string, unknown> = {};
    for (const member of this.#members) this.#readMember(reader, member, value);
    if (this.#extensible || !reader.strict) while (!reader.atEnd) reader.skipValue();
    reader.leave(outer);
    return value as T;
  }

  override writeContent(writer: Writer, value: T): void {
    const source = value as Record<string, unknown>;
    for (let i = this.#members.length - 1; i >= 0; i--) {
      const member = this.#members[i] as Member;
      const part = source[member.key];
      if (part === undefined || part === member.fallback) {
        if (member.presence !== "required") continue;
        throw new Asn1Error("ASN1_MISSING_FIELD", "a value is needed here", member.label);
      }
      try {
        member.schema.write(writer, part);
      } catch (error) {
        throw located(error, member.label);
      }
    }
  }

  #readMember(reader: Reader, member: Member, value: Record<string, unknown>): void {
    if (!reader.atEnd && member.schema.accepts(reader.peekTag())) {
      try {
        value[member.key] = member.schema.read(reader);
      } catch (error) {
        throw located(error, member.label);
      }
    } else if (member.presence === "required") {
      throw tagMismatch(reader.peekTag(), member.schema.name).within(member.label);
    } else if (member.presence === "defaulted") {
      value[member.key] = member.fallback;
    }
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

  constructor(name: string, tag: number, element: Schema<T>) {
    super(name, tag);
    this.#element = element;
  }

  override readContent(reader: Reader, length: number): T[] {
    const outer = reader.enter(length);
    const values: T[] = [];
    while (!reader.atEnd) {
      try {
        values.push(this.#element.read(reader));
      } catch (error) {
        throw located(error, `[${values.length}]`);
      }
    }
    reader.leave(outer);
    return values;
  }

  override writeContent(writer: Writer, values: readonly T[]): void {
    for (let i = values.length - 1; i >= 0; i--) {
      try {
        this.#element.write(writer, values[i] as T);
      } catch (error) {
        throw located(error, `[${i}]`);
      }
    }
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
