import { Ns, preferredPrefixes } from "../namespaces.ts";
import { isElement, type XmlElement, type XmlNode, XmlQName } from "./element.ts";

/**
 * Writes an element tree as one line of XML. All namespaces are declared on the root element, the well-known ones
 * under their usual prefixes. Characters that XML 1.0 cannot carry become U+FFFD, so that a message with control
 * characters in it still arrives.
 */
export function writeXml(root: XmlElement): string {
  const prefixes = choosePrefixes(root);
  let declarations = "";
  for (const [namespace, prefix] of prefixes) {
    if (namespace !== Ns.xml) declarations += ` xmlns:${prefix}="${escapeAttribute(namespace)}"`;
  }
  return writeElement(root, prefixes, declarations);
}

function choosePrefixes(root: XmlElement): Map<string, string> {
  const chosen = new Map<string, string>([[Ns.xml, "xml"]]);
  let unknown = 0;
  const choose = (namespace: string): void => {
    if (namespace === "" || chosen.has(namespace)) return;
    const preferred = preferredPrefixes.get(namespace);
    chosen.set(namespace, preferred ?? (unknown === 0 ? "p" : `p${unknown}`));
    if (preferred === undefined) unknown += 1;
  };
  const visit = (node: XmlNode): void => {
    if (node instanceof XmlQName) choose(node.namespace);
    if (!isElement(node)) return;
    choose(node.namespace);
    for (const attribute of node.attributes) {
      choose(attribute.namespace);
      if (attribute.value instanceof XmlQName) choose(attribute.value.namespace);
    }
    for (const child of node.children) visit(child);
  };
  visit(root);
  return chosen;
}

function writeElement(
  target: XmlElement,
  prefixes: ReadonlyMap<string, string>,
  declarations: string,
): string {
  const name = qualify(target.namespace, target.name, prefixes);
  let text = `<${name}${declarations}`;
  for (const { namespace, name: local, value } of target.attributes) {
    const written = value instanceof XmlQName ? qualify(value.namespace, value.name, prefixes) : value;
    text += ` ${qualify(namespace, local, prefixes)}="${escapeAttribute(written)}"`;
  }
  if (target.children.length === 0) return `${text}/>`;
  text += ">";
  for (const child of target.children) {
    if (child instanceof XmlQName) text += qualify(child.namespace, child.name, prefixes);
    else text += isElement(child) ? writeElement(child, prefixes, "") : escapeText(child);
  }
  return `${text}</${name}>`;
}

function qualify(namespace: string, name: string, prefixes: ReadonlyMap<string, string>): string {
  const prefix = prefixes.get(namespace);
  return prefix === undefined ? name : `${prefix}:${name}`;
}

// The complement of XML 1.0's Char production; with the u flag it also catches lone surrogates.
const forbidden = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;

export function escapeText(text: string): string {
  return text
    .replace(forbidden, "\ufffd")
    .replace(/&/g, "&amp;")
    .replace(/</g, "&lt;")
    .replace(/>/g, "&gt;")
    .replace(/\r/g, "&#xD;");
}

function escapeAttribute(text: string): string {
  return escapeText(text).replace(/"/g, "&quot;").replace(/\t/g, "&#x9;").replace(/\n/g, "&#xA;");
}
