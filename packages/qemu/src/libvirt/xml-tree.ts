import { SaxesParser } from "saxes";
import { DefinitionError } from "../qmp-error.ts";

/** An element of a small XML document, with the text directly inside it. */
export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlElement[];
  readonly text: string;
}

const longestDocument = 1 << 20;
const deepest = 32;

/** @throws DefinitionError for anything that is not one well-formed document of reasonable size without a DTD. */
export function parseXml(source: string): XmlElement {
  if (source.length > longestDocument) throw new DefinitionError("the XML is longer than 1 MiB");
  interface Open extends XmlElement {
    readonly children: Open[];
    text: string;
  }
  const open: Open[] = [];
  let root: Open | undefined;
  const parser = new SaxesParser({ xmlns: false });
  parser.on("error", (error) => {
    throw new DefinitionError(`the XML is not well-formed: ${error.message.slice(0, 200)}`);
  });
  parser.on("doctype", () => {
    throw new DefinitionError("the XML has a document type declaration, which is not accepted");
  });
  parser.on("opentag", (tag) => {
    const element: Open = { name: tag.name, attributes: { ...tag.attributes }, children: [], text: "" };
    open.at(-1)?.children.push(element);
    root ??= element;
    open.push(element);
    if (open.length > deepest) throw new DefinitionError(`the XML is nested deeper than ${deepest}`);
  });
  parser.on("text", (text) => {
    const current = open.at(-1);
    if (current !== undefined) current.text += text;
  });
  parser.on("closetag", () => void open.pop());
  parser.write(source).close();
  if (root === undefined) throw new DefinitionError("the XML is empty");
  return root;
}

export function childrenOf(element: XmlElement | undefined, name: string): readonly XmlElement[] {
  return element?.children.filter((child) => child.name === name) ?? [];
}

export function childOf(element: XmlElement | undefined, name: string): XmlElement | undefined {
  return childrenOf(element, name)[0];
}

export function textOf(element: XmlElement | undefined, name: string): string | undefined {
  return childOf(element, name)?.text.trim();
}
