import type { EpochMs } from "@waybill/base";
import {
  attributeOf,
  element,
  elementsOf,
  formatDuration,
  Ns,
  parseDuration,
  readEndpointReference,
  textOf,
  writeEndpointReference,
  type XmlElement,
} from "@waybill/wsman";
import { invalidValue } from "../errors.ts";
import { formatCimInterval, formatCimMoment, parseCimInterval, parseCimMoment } from "./cim-datetime.ts";
import {
  formatObjectPath,
  fromEndpointReference,
  parseObjectPath,
  toEndpointReference,
  type WmiReference,
} from "./wmi-reference.ts";

/** The intrinsic types of CIM that the classes here use (DSP0004 section 5.2). */
export type CimType =
  | "string"
  | "boolean"
  | "uint8"
  | "uint16"
  | "uint32"
  | "uint64"
  | "sint32"
  | "datetime"
  | "reference";

/** How one value of a type is written and read: as the content of a WS-Management element, and as CIM-XML text. */
export interface ScalarType<T> {
  readonly cimType: CimType;
  readonly isEmbedded: boolean;
  writeContent(value: T): XmlElement["children"];
  readContent(target: XmlElement, path: string): T;
  toText(value: T): string;
  fromText(text: string, path: string): T;
}

/** A property or parameter: what it holds and whether it is one value or an array of them. */
export interface Property<T, Required extends boolean = boolean> {
  readonly cimType: CimType;
  readonly isArray: boolean;
  readonly isEmbedded: boolean;
  readonly required: Required;
  /** All elements with the property's name; undefined when there is no value. */
  read(elements: readonly XmlElement[], path: string): T | undefined;
  write(namespace: string, name: string, value: T): readonly XmlElement[];
  toTexts(value: T): readonly string[];
  fromTexts(texts: readonly string[], path: string): T;
}

export type Optional<T> = Property<T, false>;

export function isNil(target: XmlElement): boolean {
  const nil = attributeOf(target, Ns.xsi, "nil");
  return nil === "true" || nil === "1";
}

function scalar<T>(type: ScalarType<T>): Optional<T> & { readonly scalar: ScalarType<T> } {
  return {
    scalar: type,
    cimType: type.cimType,
    isEmbedded: type.isEmbedded,
    isArray: false,
    required: false,
    read: (elements, path) => {
      const [first] = elements;
      return first === undefined || isNil(first) ? undefined : type.readContent(first, path);
    },
    write: (namespace, name, value) => [element(namespace, name, ...type.writeContent(value))],
    toTexts: (value) => [type.toText(value)],
    fromTexts: (texts, path) => type.fromText(texts[0] ?? "", path),
  };
}

/** An array of values. In WS-Management it is the element repeated; an empty array is no element at all. */
export function arrayOf<T>({ scalar: type }: { readonly scalar: ScalarType<T> }): Optional<readonly T[]> {
  return {
    cimType: type.cimType,
    isEmbedded: type.isEmbedded,
    isArray: true,
    required: false,
    read: (elements, path) => {
      const present = elements.filter((candidate) => !isNil(candidate));
      return present.length === 0 ? undefined : present.map((each) => type.readContent(each, path));
    },
    write: (namespace, name, values) =>
      values.map((value) => element(namespace, name, ...type.writeContent(value))),
    toTexts: (values) => values.map((value) => type.toText(value)),
    fromTexts: (texts, path) => texts.map((text) => type.fromText(text, path)),
  };
}

/** The same property, refused when it is missing. Keys and the parameters a method cannot do without. */
export function required<T>(property: Optional<T>): Property<T, true> {
  return { ...property, required: true };
}

/** A type that is plain text in both notations. */
function textual<T>(
  cimType: CimType,
  toText: (value: T) => string,
  fromText: (text: string, path: string) => T,
  isEmbedded = false,
) {
  return scalar<T>({
    cimType,
    isEmbedded,
    writeContent: (value) => [toText(value)],
    readContent: (target, path) => fromText(textOf(target), path),
    toText,
    fromText,
  });
}

function integer(cimType: CimType, min: number, max: number) {
  return textual<number>(
    cimType,
    (value) => String(value),
    (text, path) => {
      const value = /^\s*[+-]?\d{1,20}\s*$/.test(text) ? Number(text) : Number.NaN;
      if (!Number.isSafeInteger(value) || value < min || value > max) {
        throw invalidValue(path, `expected ${cimType}, got "${text.slice(0, 40)}"`);
      }
      return value;
    },
  );
}

export const string = textual<string>(
  "string",
  (value) => value,
  (text) => text,
);

export const boolean = textual<boolean>(
  "boolean",
  (value) => String(value),
  (text, path) => {
    const word = text.trim().toLowerCase();
    if (word === "true" || word === "1") return true;
    if (word === "false" || word === "0") return false;
    throw invalidValue(path, `expected boolean, got "${text.slice(0, 40)}"`);
  },
);

export const uint8 = integer("uint8", 0, 0xff);
export const uint16 = integer("uint16", 0, 0xffff);
export const uint32 = integer("uint32", 0, 0xffffffff);
export const sint32 = integer("sint32", -0x80000000, 0x7fffffff);
/** Up to 2⁵³−1: nothing the declared properties count comes near that. */
export const uint64 = integer("uint64", 0, Number.MAX_SAFE_INTEGER);

/** A moment. On the wire `<cim:Datetime>` with an xs:dateTime, in CIM-XML the CIM notation; here epoch milliseconds. */
export const datetime = scalar<EpochMs>({
  cimType: "datetime",
  isEmbedded: false,
  writeContent: (value) => [element(Ns.cim, "Datetime", new Date(value).toISOString())],
  readContent: (target, path) => readMoment(innerText(target), path),
  toText: formatCimMoment,
  fromText: readMoment,
});

/** A span of time in milliseconds. On the wire `<cim:Interval>` with an xs:duration. */
export const interval = scalar<number>({
  cimType: "datetime",
  isEmbedded: false,
  writeContent: (value) => [element(Ns.cim, "Interval", formatDuration(value))],
  readContent: (target, path) => readInterval(innerText(target), path),
  toText: formatCimInterval,
  fromText: readInterval,
});

/** A reference to an instance: an endpoint reference on the wire, an object path in CIM-XML. */
export const reference = scalar<WmiReference>({
  cimType: "reference",
  isEmbedded: false,
  writeContent: (value) => writeEndpointReference(toEndpointReference(value)).children,
  readContent: (target, path) => {
    const found = readEndpointReference(target);
    if (found === undefined) throw invalidValue(path, "expected an endpoint reference");
    return fromEndpointReference(found, path);
  },
  toText: formatObjectPath,
  fromText: (text, path) => {
    const found = parseObjectPath(text);
    if (found === undefined) throw invalidValue(path, "expected an object path");
    return found;
  },
});

/** What can be embedded as text: a class, or a choice of classes. */
export interface Embeddable<T> {
  writeEmbedded(value: T): string;
  readEmbedded(text: string, path?: string): T;
}

/** An embedded instance: CIM-XML `INSTANCE` text inside a string (DSP0201; Hyper-V's WMI_DTD 2.0 notation). */
export function embedded<T>(schema: Embeddable<T>) {
  return textual<T>(
    "string",
    (value) => schema.writeEmbedded(value),
    (text, path) => schema.readEmbedded(text, path),
    true,
  );
}

function innerText(target: XmlElement): string {
  const inner = elementsOf(target)[0];
  return textOf(inner ?? target).trim();
}

function readMoment(text: string, path: string): EpochMs {
  const cim = parseCimMoment(text);
  if (cim !== undefined) return cim;
  const value = /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(value)) throw invalidValue(path, `expected a date and time, got "${text.slice(0, 40)}"`);
  return value;
}

function readInterval(text: string, path: string): number {
  const value = parseCimInterval(text) ?? parseDuration(text);
  if (value === undefined) throw invalidValue(path, `expected an interval, got "${text.slice(0, 40)}"`);
  return value;
}
