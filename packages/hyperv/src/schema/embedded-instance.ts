import {
  attributeOf,
  element,
  elementsOf,
  readXml,
  textOf,
  withAttribute,
  writeXml,
  type XmlElement,
} from "@waybill/wsman";
import { invalidValue } from "../errors.ts";
import type { PropertyMap, RecordOf } from "./record-codec.ts";

/** An embedded instance may itself embed others, but not endlessly: limits apply to each text by itself. */
const limits = { maxCharacters: 1024 * 1024, maxDepth: 16, maxElements: 20_000, maxAttributes: 16 };

/** The class an embedded instance declares, without reading the rest. */
export function parseEmbedded(text: string, path: string): { className: string; instance: XmlElement } {
  let instance: XmlElement;
  try {
    instance = readXml(text, limits);
  } catch (cause) {
    throw invalidValue(
      path,
      `expected an embedded instance (${cause instanceof Error ? cause.message : "unreadable"})`,
    );
  }
  const className = attributeOf(instance, "", "CLASSNAME");
  if (instance.name !== "INSTANCE" || className === undefined) {
    throw invalidValue(path, `expected <INSTANCE CLASSNAME=…>, got <${instance.name}>`);
  }
  return { className, instance };
}

/** Reads the properties of `<INSTANCE>` (DSP0201): PROPERTY and PROPERTY.ARRAY; without VALUE they are NULL. */
export function readEmbeddedRecord<P extends PropertyMap>(
  properties: P,
  instance: XmlElement,
  path: string,
): Partial<RecordOf<P>> {
  const byName = new Map<string, XmlElement>();
  for (const child of elementsOf(instance)) byName.set(attributeOf(child, "", "NAME") ?? "", child);
  const record: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(properties)) {
    const texts = textsOf(byName.get(name));
    if (texts !== undefined) record[name] = property.fromTexts(texts, `${path}.${name}`);
  }
  return record as Partial<RecordOf<P>>;
}

function textsOf(property: XmlElement | undefined): readonly string[] | undefined {
  if (property === undefined) return undefined;
  const [content] = elementsOf(property);
  if (content === undefined) return undefined;
  if (content.name === "VALUE.ARRAY") return elementsOf(content).map(textOf);
  return [textOf(content)];
}

/** Writes one line of CIM-XML. Required properties of an embedded instance may be absent: it is a template or a patch. */
export function writeEmbeddedRecord<P extends PropertyMap>(
  properties: P,
  className: string,
  record: Partial<RecordOf<P>>,
): string {
  const values: Readonly<Record<string, unknown>> = record;
  const written: XmlElement[] = [];
  for (const [name, property] of Object.entries(properties)) {
    const value = values[name];
    if (value === undefined) continue;
    const texts = property.toTexts(value).map((text) => element("", "VALUE", text));
    const holder = property.isArray
      ? element("", "PROPERTY.ARRAY", element("", "VALUE.ARRAY", ...texts))
      : element("", "PROPERTY", ...texts);
    const typed = withAttribute(
      withAttribute(holder, "", "NAME", name),
      "",
      "TYPE",
      property.cimType === "reference" ? "string" : property.cimType,
    );
    written.push(property.isEmbedded ? withAttribute(typed, "", "EmbeddedObject", "instance") : typed);
  }
  return writeXml(withAttribute(element("", "INSTANCE", ...written), "", "CLASSNAME", className));
}
