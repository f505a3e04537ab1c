import { Asn1Error, located } from "./asn1-error.ts";
import { type Reader, tagMismatch } from "./reader.ts";
import { ExplicitSchema, type Schema, TlvSchema } from "./schema.ts";
import type { Writer } from "./writer.ts";

/** One member of a SEQUENCE. */
export interface Member {
  readonly key: string;
  /** The name as the specification writes it. */
  readonly label: string;
  readonly schema: Schema<unknown>;
  readonly presence: "required" | "optional" | "defaulted";
  readonly fallback: unknown;
}

export interface Codec<T> {
  readonly read: (reader: Reader, length: number) => T;
  readonly write: (writer: Writer, value: T) => void;
}

/** What the functions made here need from outside: schemas by number, fallbacks by number, and the errors. */
interface Scope {
  readonly schemas: Schema<unknown>[];
  readonly fallbacks: unknown[];
}

/**
 * Reader and writer of a SEQUENCE, as functions of their own made from source text.
 *
 * One loop over the members of every SEQUENCE would do the same, but JavaScript engines tune each function to the
 * objects it meets, and such a loop meets all: Kerberos messages took a third longer. The text holds nothing but
 * names and numbers from the schema.
 */
export function compileSequence<T>(members: readonly Member[], extensible: boolean): Codec<T> {
  const scope: Scope = { schemas: [], fallbacks: [] };
  const reads = members.map((member, index) => readMember(member, index, scope));
  const writes = members.map((member) => writeMember(member, scope)).reverse();
  const value = members.map(({ key }, index) => `${JSON.stringify(key)}: v${index}`).join(", ");
  const declared = members.map((_, index) => `v${index}`);
  return build(scope, {
    read: `
      const outer = reader.enter(length);
      let at = ""${declared.map((name) => `, ${name}`).join("")};
      try {${reads.join("")}
      } catch (error) { throw located(error, at); }
      ${extensible ? "" : "if (!reader.strict)"} while (!reader.atEnd) reader.skipValue();
      reader.leave(outer);
      return { ${value} };`,
    write: `
      let at = "", part;
      try {${writes.join("")}
      } catch (error) { throw located(error, at); }`,
  });
}

/** Reader and writer of a SEQUENCE OF or SET OF. */
export function compileRepeated<T>(element: Schema<T>): Codec<T[]> {
  const scope: Scope = { schemas: [], fallbacks: [] };
  return build(scope, {
    read: `
      const outer = reader.enter(length);
      const values = [];
      try {
        while (!reader.atEnd) {
          let item;
          ${readWhole(element, "item", scope)}
          values.push(item);
        }
      } catch (error) { throw located(error, "[" + values.length + "]"); }
      reader.leave(outer);
      return values;`,
    write: `
      let i = value.length - 1;
      try {
        for (; i >= 0; i--) {
          const item = value[i];
          ${writeWhole(element, "item", scope)}
        }
      } catch (error) { throw located(error, "[" + i + "]"); }`,
  });
}

function build<T>(
  scope: Scope,
  { read, write }: { readonly read: string; readonly write: string },
): Codec<T> {
  const schemas = scope.schemas.map((_, index) => `s${index} = schemas[${index}]`);
  const source = `"use strict";
    ${schemas.length === 0 ? "" : `const ${schemas.join(", ")};`}
    return {
      read: (reader, length) => {${read}
      },
      write: (writer, value) => {${write}
      },
    };`;
  // oxlint-disable-next-line typescript/no-implied-eval -- source text made here, of schemas alone
  const make = new Function("schemas", "fallbacks", "located", "mismatch", "missing", source);
  return make(scope.schemas, scope.fallbacks, located, tagMismatch, missing) as Codec<T>;
}

function readMember(member: Member, index: number, scope: Scope): string {
  const { schema, presence, label, fallback } = member;
  const here =
    schema instanceof TlvSchema
      ? `reader.peekTag() === ${schema.tag}`
      : `!reader.atEnd && s${scope.schemas.push(schema) - 1}.accepts(reader.peekTag())`;
  const otherwise =
    presence === "required"
      ? ` else throw mismatch(reader.peekTag(), ${JSON.stringify(schema.name)});`
      : presence === "defaulted"
        ? ` else v${index} = fallbacks[${scope.fallbacks.push(fallback) - 1}];`
        : "";
  return `
        at = ${JSON.stringify(label)};
        if (${here}) {${readWhole(schema, `v${index}`, scope)}}${otherwise}`;
}

function readWhole(schema: Schema<unknown>, target: string, scope: Scope): string {
  if (schema instanceof ExplicitSchema) {
    return ` const o${schema.tag} = reader.enter(reader.header(${schema.tag}));${readWhole(schema.inner, target, scope)} reader.leave(o${schema.tag});`;
  }
  const number = scope.schemas.push(schema) - 1;
  return schema instanceof TlvSchema
    ? ` ${target} = s${number}.readContent(reader, reader.header(${schema.tag}));`
    : ` ${target} = s${number}.read(reader);`;
}

function writeMember(member: Member, scope: Scope): string {
  const { key, label, schema, presence, fallback } = member;
  const left =
    presence === "defaulted" ? ` && part !== fallbacks[${scope.fallbacks.push(fallback) - 1}]` : "";
  return `
        at = ${JSON.stringify(label)};
        part = value[${JSON.stringify(key)}];
        if (part !== undefined${left}) {${writeWhole(schema, "part", scope)}}${
          presence === "required" ? " else throw missing();" : ""
        }`;
}

function writeWhole(schema: Schema<unknown>, source: string, scope: Scope): string {
  if (schema instanceof ExplicitSchema) {
    const before = `b${schema.tag}`;
    return ` const ${before} = writer.size;${writeWhole(schema.inner, source, scope)} writer.header(${schema.tag}, writer.size - ${before});`;
  }
  const number = scope.schemas.push(schema) - 1;
  return schema instanceof TlvSchema
    ? ` const b = writer.size; s${number}.writeContent(writer, ${source}); writer.header(${schema.tag}, writer.size - b);`
    : ` s${number}.write(writer, ${source});`;
}

function missing(): Asn1Error {
  return new Asn1Error("ASN1_MISSING_FIELD", "a value is needed here");
}
