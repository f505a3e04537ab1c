import { SaxesParser } from "saxes";
import { WsmanError } from "../errors.ts";
import type { XmlAttribute, XmlElement, XmlNode } from "./element.ts";

/** What a document may cost before it is refused. */
export interface XmlLimits {
  /** Characters of the whole document. */
  readonly maxCharacters: number;
  readonly maxDepth: number;
  readonly maxElements: number;
  readonly maxAttributes: number;
}

export const defaultXmlLimits: XmlLimits = {
  maxCharacters: 4 * 1024 * 1024,
  maxDepth: 48,
  maxElements: 50_000,
  maxAttributes: 64,
};

interface OpenElement {
  readonly namespace: string;
  readonly name: string;
  readonly attributes: XmlAttribute[];
  readonly children: XmlNode[];
}

const xmlnsNamespace = "http://www.w3.org/2000/xmlns/";

/**
 * Reads a document into an element tree (XML 1.0, Namespaces in XML). A document type declaration is refused, so
 * no entity but the five predefined ones exists and nothing can be fetched or expanded.
 *
 * @throws WsmanError `WSMAN_XML_INVALID` when the text is not well-formed or exceeds a limit.
 */
export function readXml(input: string | Uint8Array, limits: XmlLimits = defaultXmlLimits): XmlElement {
  const text = typeof input === "string" ? input : decodeText(input);
  if (text.length > limits.maxCharacters)
    refuse(`the document has more than ${limits.maxCharacters} characters`);
  const parser = new SaxesParser({ xmlns: true, position: false });
  const stack: OpenElement[] = [];
  let root: XmlElement | undefined;
  let elements = 0;

  const addText = (data: string): void => {
    stack.at(-1)?.children.push(data);
  };
  parser.on("error", (error) => refuse(error.message));
  parser.on("doctype", () => refuse("a document type declaration is not allowed"));
  parser.on("processinginstruction", () => refuse("a processing instruction is not allowed"));
  parser.on("text", addText);
  parser.on("cdata", addText);
  parser.on("opentag", (tag) => {
    elements += 1;
    if (elements > limits.maxElements) refuse(`the document has more than ${limits.maxElements} elements`);
    if (stack.length >= limits.maxDepth) refuse(`elements nest deeper than ${limits.maxDepth}`);
    const attributes: XmlAttribute[] = [];
    for (const attribute of Object.values(tag.attributes)) {
      if (attribute.uri === xmlnsNamespace) continue;
      attributes.push({ namespace: attribute.uri, name: attribute.local, value: attribute.value });
    }
    if (attributes.length > limits.maxAttributes)
      refuse(`an element has more than ${limits.maxAttributes} attributes`);
    stack.push({ namespace: tag.uri, name: tag.local, attributes, children: [] });
  });
  parser.on("closetag", () => {
    const closed = stack.pop();
    if (closed === undefined) return;
    const parent = stack.at(-1);
    if (parent === undefined) root = closed;
    else parent.children.push(closed);
  });
  parser.write(text).close();
  if (root === undefined) refuse("the document has no element");
  return root;
}

function refuse(why: string): never {
  throw new WsmanError(`XML refused: ${why}`, { code: "WSMAN_XML_INVALID", family: "peer" });
}

/** UTF-8, or UTF-16 with a byte order mark or recognizably so, as event-forwarding senders use it. */
function decodeText(bytes: Uint8Array): string {
  const [first, second] = bytes;
  const encoding =
    (first === 0xff && second === 0xfe) || (first === 0x3c && second === 0)
      ? "utf-16le"
      : (first === 0xfe && second === 0xff) || (first === 0 && second === 0x3c)
        ? "utf-16be"
        : "utf-8";
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return refuse(`the document is not valid ${encoding}`);
  }
}
