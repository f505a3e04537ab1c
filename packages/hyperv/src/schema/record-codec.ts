import { elementsOf, type XmlElement } from "@waybill/wsman";
import { invalidValue } from "../errors.ts";
import type { Property } from "./property.ts";

export type PropertyMap = Readonly<Record<string, Property<unknown>>>;

type ValueOf<P> = P extends Property<infer T> ? T : never;
type RequiredKeys<P extends PropertyMap> = {
  [K in keyof P]: P[K]["required"] extends true ? K : never;
}[keyof P];

/** The TypeScript type a map of properties declares: required ones are there, the others may be absent (NULL in WMI). */
export type RecordOf<P extends PropertyMap> = {
  readonly [K in RequiredKeys<P>]: ValueOf<P[K]>;
} & { readonly [K in Exclude<keyof P, RequiredKeys<P>>]?: ValueOf<P[K]> | undefined };

/** Reads declared properties out of the children of an element; what is not declared is ignored. */
export function readRecord<P extends PropertyMap>(
  properties: P,
  source: XmlElement,
  path: string,
): RecordOf<P> {
  const byName = new Map<string, XmlElement[]>();
  for (const child of elementsOf(source)) {
    const group = byName.get(child.name);
    if (group === undefined) byName.set(child.name, [child]);
    else group.push(child);
  }
  const record: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(properties)) {
    const value = property.read(byName.get(name) ?? [], `${path}.${name}`);
    if (value !== undefined) record[name] = value;
    else if (property.required) throw invalidValue(`${path}.${name}`, "is missing");
  }
  return record as RecordOf<P>;
}

export function writeRecord<P extends PropertyMap>(
  properties: P,
  namespace: string,
  record: RecordOf<P>,
): readonly XmlElement[] {
  const values: Readonly<Record<string, unknown>> = record;
  return Object.entries(properties).flatMap(([name, property]) => {
    const value = values[name];
    return value === undefined ? [] : property.write(namespace, name, value);
  });
}
