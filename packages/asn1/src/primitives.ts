import { isUtf8 } from "node:buffer";
import { Asn1Error } from "./asn1-error.ts";
import { knownText, rememberText } from "./known-text.ts";
import type { Reader } from "./reader.ts";
import { TlvSchema } from "./schema.ts";
import { readTime, timeText } from "./time-text.ts";
import type { Writer } from "./writer.ts";

class BooleanSchema extends TlvSchema<boolean> {
  override readContent(reader: Reader, length: number): boolean {
    const octet = reader.bytes[reader.position];
    if (length !== 1 || octet === undefined)
      throw new Asn1Error("ASN1_BAD_VALUE", `BOOLEAN of ${length} octets`);
    if (reader.strict && octet !== 0 && octet !== 0xff) {
      throw new Asn1Error("ASN1_NOT_DER", `TRUE written as ${octet}`);
    }
    reader.position++;
    return octet !== 0;
  }

  override writeContent(writer: Writer, value: boolean): void {
    writer.octet(value ? 0xff : 0);
  }
}

function checkIntegerForm(reader: Reader, length: number): void {
  if (length === 0) throw new Asn1Error("ASN1_BAD_VALUE", "INTEGER without octets");
  if (!reader.strict || length === 1) return;
  const first = reader.bytes[reader.position] ?? 0;
  const negative = (reader.bytes[reader.position + 1] ?? 0) >= 0x80;
  if ((first === 0 && !negative) || (first === 0xff && negative)) {
    throw new Asn1Error("ASN1_NOT_DER", "INTEGER with a redundant leading octet");
  }
}

const widestNumber = 6;

class IntegerSchema extends TlvSchema<number> {
  readonly #min: number;
  readonly #max: number;

  constructor(name: string, tag: number, min: number, max: number) {
    super(name, tag);
    this.#min = min;
    this.#max = max;
  }

  override readContent(reader: Reader, length: number): number {
    checkIntegerForm(reader, length);
    let start = reader.position;
    let count = length;
    // Padding is legal in BER; what it pads must still fit.
    while (count > widestNumber && (reader.bytes[start] === 0 || reader.bytes[start] === 0xff)) {
      start++;
      count--;
    }
    if (count > widestNumber) throw new Asn1Error("ASN1_BAD_VALUE", `INTEGER of ${length} octets`);
    const value = reader.bytes.readIntBE(start, count);
    reader.position += length;
    this.#check(value);
    return value;
  }

  override writeContent(writer: Writer, value: number): void {
    if (!Number.isInteger(value)) throw new Asn1Error("ASN1_BAD_VALUE", `${value} is not an integer`);
    this.#check(value);
    let rest = value;
    let octet: number;
    do {
      octet = rest & 0xff;
      writer.octet(octet);
      rest = Math.floor(rest / 256);
    } while (!((rest === 0 && octet < 0x80) || (rest === -1 && octet >= 0x80)));
  }

  #check(value: number): void {
    if (value < this.#min || value > this.#max) {
      throw new Asn1Error("ASN1_BAD_VALUE", `${value} is outside ${this.#min}..${this.#max}`);
    }
  }
}

class BigIntegerSchema extends TlvSchema<bigint> {
  override readContent(reader: Reader, length: number): bigint {
    checkIntegerForm(reader, length);
    const hex = reader.bytes.toString("hex", reader.position, reader.position + length);
    reader.position += length;
    return BigInt.asIntN(length * 8, BigInt(`0x${hex}`));
  }

  override writeContent(writer: Writer, value: bigint): void {
    let rest = value;
    let octet: number;
    do {
      octet = Number(rest & 0xffn);
      writer.octet(octet);
      rest >>= 8n;
    } while (!((rest === 0n && octet < 0x80) || (rest === -1n && octet >= 0x80)));
  }
}

class NullSchema extends TlvSchema<null> {
  override readContent(_reader: Reader, length: number): null {
    if (length !== 0) throw new Asn1Error("ASN1_BAD_VALUE", `NULL of ${length} octets`);
    return null;
  }

  override writeContent(): void {}
}

class OctetStringSchema extends TlvSchema<Uint8Array> {
  override readContent(reader: Reader, length: number): Uint8Array {
    return reader.slice(length);
  }

  override writeContent(writer: Writer, value: Uint8Array): void {
    writer.octets(value);
  }
}

/** A BIT STRING: its octets, and how many bits of the last one do not count (0 to 7). */
export interface BitString {
  readonly bytes: Uint8Array;
  readonly unusedBits: number;
}

function readUnusedBits(reader: Reader, length: number): number {
  const unused = length === 0 ? 8 : (reader.bytes[reader.position] ?? 8);
  if (unused > 7 || (length === 1 && unused > 0)) {
    throw new Asn1Error("ASN1_BAD_VALUE", "BIT STRING with a wrong count of unused bits");
  }
  reader.position++;
  return unused;
}

class BitStringSchema extends TlvSchema<BitString> {
  override readContent(reader: Reader, length: number): BitString {
    const unusedBits = readUnusedBits(reader, length);
    return { bytes: reader.slice(length - 1), unusedBits };
  }

  override writeContent(writer: Writer, value: BitString): void {
    writer.octets(value.bytes);
    writer.octet(value.unusedBits);
  }
}

class FlagsSchema extends TlvSchema<number> {
  override readContent(reader: Reader, length: number): number {
    readUnusedBits(reader, length);
    let value = 0;
    // Fewer than 32 bits stand for zeros; bits past the 32nd have no meaning yet.
    for (let i = 0; i < 4; i++)
      value = (value << 8) | (i < length - 1 ? (reader.bytes[reader.position + i] ?? 0) : 0);
    reader.position += length - 1;
    return value >>> 0;
  }

  override writeContent(writer: Writer, value: number): void {
    for (let shift = 0; shift < 32; shift += 8) writer.octet((value >>> shift) & 0xff);
    writer.octet(0);
  }
}

class ObjectIdentifierSchema extends TlvSchema<string> {
  override readContent(reader: Reader, length: number): string {
    const end = reader.position + length;
    const arcs: number[] = [];
    while (reader.position < end) {
      let arc = 0;
      let octet = 0x80;
      while (octet >= 0x80) {
        if (reader.position >= end) throw new Asn1Error("ASN1_BAD_VALUE", "OBJECT IDENTIFIER cut short");
        octet = reader.bytes[reader.position++] ?? 0;
        if (arc === 0 && octet === 0x80)
          throw new Asn1Error("ASN1_NOT_DER", "OBJECT IDENTIFIER arc with padding");
        arc = arc * 128 + (octet & 0x7f);
        if (arc > 0xffffffff) throw new Asn1Error("ASN1_BAD_VALUE", "OBJECT IDENTIFIER arc above 32 bits");
      }
      if (arcs.length === 0) {
        const root = Math.min(2, Math.floor(arc / 40));
        arcs.push(root, arc - root * 40);
      } else {
        arcs.push(arc);
      }
    }
    if (arcs.length === 0) throw new Asn1Error("ASN1_BAD_VALUE", "OBJECT IDENTIFIER without octets");
    return arcs.join(".");
  }

  override writeContent(writer: Writer, value: string): void {
    if (!/^[0-2](\.\d+)+$/.test(value))
      throw new Asn1Error("ASN1_BAD_VALUE", `${value} is not an object identifier`);
    const [root = 0, second = 0, ...rest] = value.split(".").map(Number);
    for (const arc of [root * 40 + second, ...rest].reverse()) {
      writer.octet(arc % 128);
      for (let high = Math.floor(arc / 128); high > 0; high = Math.floor(high / 128))
        writer.octet(0x80 | (high % 128));
    }
  }
}

const universalString = { utf8: 12, ia5: 22, general: 27 } as const;

class StringSchema extends TlvSchema<string> {
  override readContent(reader: Reader, length: number): string {
    const end = reader.position + length;
    const known = knownText(reader.bytes, reader.position, end);
    if (known !== undefined) {
      reader.position = end;
      return known;
    }
    const text = reader.bytes.toString("utf8", reader.position, end);
    // Only a replacement character can hide invalid UTF-8; a peer may also have sent one on purpose.
    if (text.includes("\ufffd") && !isUtf8(reader.bytes.subarray(reader.position, end))) {
      throw new Asn1Error("ASN1_BAD_VALUE", `${this.name} is not UTF-8`);
    }
    if (text.length === length) rememberText(reader.bytes, reader.position, end, text);
    reader.position = end;
    return text;
  }

  override writeContent(writer: Writer, value: string): void {
    if (isAscii(value)) writer.ascii(value);
    else writer.octets(Buffer.from(value, "utf8"));
  }
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

class GeneralizedTimeSchema extends TlvSchema<number> {
  override readContent(reader: Reader, length: number): number {
    const time = readTime(reader.bytes, reader.position, length);
    if (time === undefined) {
      throw new Asn1Error("ASN1_BAD_VALUE", "GeneralizedTime is not of the form YYYYMMDDHHMMSSZ");
    }
    reader.position += length;
    return time;
  }

  override writeContent(writer: Writer, value: number): void {
    const text = timeText(value);
    if (text === undefined) throw new Asn1Error("ASN1_BAD_VALUE", `${value} is outside the years 1 to 9999`);
    writer.octets(text);
  }
}

/** BOOLEAN */
export const boolean: TlvSchema<boolean> = new BooleanSchema("BOOLEAN", 1);

/** An INTEGER held in a number; both bounds inclusive, at most 48 bits wide. */
export function integer(range: { readonly min: number; readonly max: number }): TlvSchema<number> {
  return new IntegerSchema("INTEGER", 2, range.min, range.max);
}

/** INTEGER of −2³¹ to 2³¹−1: the Int32 of RFC 4120 section 5.2.4. */
export const int32: TlvSchema<number> = integer({ min: -0x80000000, max: 0x7fffffff });
/** INTEGER of 0 to 2³²−1: the UInt32 of RFC 4120 section 5.2.4. */
export const uint32: TlvSchema<number> = integer({ min: 0, max: 0xffffffff });
/** INTEGER of any size. */
export const bigInteger: TlvSchema<bigint> = new BigIntegerSchema("INTEGER", 2);
/** ENUMERATED, as its number. */
export const enumerated: TlvSchema<number> = new IntegerSchema("ENUMERATED", 10, 0, 0x7fffffff);
/** NULL */
export const nullValue: TlvSchema<null> = new NullSchema("NULL", 5);
/** Decodes to a view of the input, not a copy. */
export const octetString: TlvSchema<Uint8Array> = new OctetStringSchema("OCTET STRING", 4);
/** BIT STRING of any length; `flags` is for those of 32. */
export const bitString: TlvSchema<BitString> = new BitStringSchema("BIT STRING", 3);
/** A BIT STRING of 32 flags as an unsigned number; the specification's bit 0 is 0x80000000. */
export const flags: TlvSchema<number> = new FlagsSchema("BIT STRING", 3);
/** Dotted decimal, as in `1.2.840.113554.1.2.2`. */
export const objectIdentifier: TlvSchema<string> = new ObjectIdentifierSchema("OBJECT IDENTIFIER", 6);
/** UTF8String; octets that are not UTF-8 are refused. */
export const utf8String: TlvSchema<string> = new StringSchema("UTF8String", universalString.utf8);
/** IA5String */
export const ia5String: TlvSchema<string> = new StringSchema("IA5String", universalString.ia5);
/** Carries UTF-8, as Active Directory, MIT and Heimdal all do. */
export const generalString: TlvSchema<string> = new StringSchema("GeneralString", universalString.general);
/** Whole seconds, UTC, as RFC 4120 section 5.2.3 prescribes; epoch milliseconds in TypeScript (a fraction is cut off). */
export const generalizedTime: TlvSchema<number> = new GeneralizedTimeSchema("GeneralizedTime", 24);
