/** A qualified name as *content* (of a SOAP fault code, of `xsi:type`): the writer chooses the prefix. */
export class XmlQName {
  readonly namespace: string;
  readonly name: string;

  constructor(namespace: string, name: string) {
    this.namespace = namespace;
    this.name = name;
  }
}

export interface XmlAttribute {
  readonly namespace: string;
  readonly name: string;
  readonly value: string | XmlQName;
}

export type XmlNode = XmlElement | string | XmlQName;

/** One XML element: names are resolved to (namespace, local name); comments and instructions are gone. */
export interface XmlElement {
  readonly namespace: string;
  readonly name: string;
  readonly attributes: readonly XmlAttribute[];
  readonly children: readonly XmlNode[];
}

/** Builds an element. `undefined` children are left out, so that optional parts read in one expression. */
export function element(
  namespace: string,
  name: string,
  ...children: readonly (XmlNode | undefined)[]
): XmlElement {
  return { namespace, name, attributes: [], children: children.filter((child) => child !== undefined) };
}

/** The same element with one more attribute. */
export function withAttribute(
  target: XmlElement,
  namespace: string,
  name: string,
  value: string | XmlQName,
): XmlElement {
  return { ...target, attributes: [...target.attributes, { namespace, name, value }] };
}

export function isElement(node: XmlNode): node is XmlElement {
  return typeof node === "object" && "children" in node;
}

export function elementsOf(parent: XmlElement): readonly XmlElement[] {
  return parent.children.filter(isElement);
}

export function childOf(parent: XmlElement, namespace: string, name: string): XmlElement | undefined {
  return elementsOf(parent).find((child) => child.name === name && child.namespace === namespace);
}

export function childrenOf(parent: XmlElement, namespace: string, name: string): readonly XmlElement[] {
  return elementsOf(parent).filter((child) => child.name === name && child.namespace === namespace);
}

/** The character data directly inside an element. */
export function textOf(target: XmlElement): string {
  let text = "";
  for (const child of target.children) if (typeof child === "string") text += child;
  return text;
}

/** The text of a child element, surrounding white space removed; undefined when there is no such child. */
export function childText(parent: XmlElement, namespace: string, name: string): string | undefined {
  const child = childOf(parent, namespace, name);
  return child === undefined ? undefined : textOf(child).trim();
}

export function attributeOf(target: XmlElement, namespace: string, name: string): string | undefined {
  const found = target.attributes.find((a) => a.name === name && a.namespace === namespace);
  if (found === undefined) return undefined;
  return typeof found.value === "string" ? found.value : found.value.name;
}
