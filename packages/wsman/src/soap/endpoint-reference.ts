import { anonymousAddress, Ns } from "../namespaces.ts";
import {
  attributeOf,
  childOf,
  childrenOf,
  childText,
  element,
  textOf,
  withAttribute,
  type XmlElement,
} from "../xml/element.ts";

/** Names of keys and their values. A reference as a value (a key that is itself a reference) is an `EndpointReference`. */
export type Selectors = Readonly<Record<string, string | EndpointReference>>;

/** Points at one instance of a resource: the default addressing model of DSP0226 section 5.1.2. */
export interface EndpointReference {
  readonly resourceUri: string;
  readonly selectors: Selectors;
  readonly address?: string | undefined;
}

/** References nest through selectors; deeper than this they are refused. */
const maxNesting = 4;

export function writeEndpointReference(
  reference: EndpointReference,
  target: XmlElement = element(Ns.addressing, "EndpointReference"),
): XmlElement {
  return {
    ...target,
    children: [
      element(Ns.addressing, "Address", reference.address ?? anonymousAddress),
      element(
        Ns.addressing,
        "ReferenceParameters",
        element(Ns.wsman, "ResourceURI", reference.resourceUri),
        writeSelectorSet(reference.selectors),
      ),
    ],
  };
}

export function writeSelectorSet(selectors: Selectors): XmlElement | undefined {
  const entries = Object.entries(selectors);
  if (entries.length === 0) return undefined;
  return element(
    Ns.wsman,
    "SelectorSet",
    ...entries.map(([name, value]) =>
      withAttribute(
        element(Ns.wsman, "Selector", typeof value === "string" ? value : writeEndpointReference(value)),
        "",
        "Name",
        name,
      ),
    ),
  );
}

/** Reads the content of an element that is an endpoint reference; undefined when it is none. */
export function readEndpointReference(target: XmlElement, nesting = 0): EndpointReference | undefined {
  const parameters = childOf(target, Ns.addressing, "ReferenceParameters");
  if (parameters === undefined || nesting > maxNesting) return undefined;
  const resourceUri = childText(parameters, Ns.wsman, "ResourceURI");
  if (resourceUri === undefined) return undefined;
  return {
    resourceUri,
    selectors: readSelectorSet(childOf(parameters, Ns.wsman, "SelectorSet"), nesting),
    address: childText(target, Ns.addressing, "Address"),
  };
}

export function readSelectorSet(set: XmlElement | undefined, nesting = 0): Selectors {
  const selectors: Record<string, string | EndpointReference> = Object.create(null);
  if (set === undefined) return selectors;
  for (const selector of childrenOf(set, Ns.wsman, "Selector")) {
    const name = attributeOf(selector, "", "Name");
    if (name === undefined) continue;
    const inner = childOf(selector, Ns.addressing, "EndpointReference");
    const reference = inner === undefined ? undefined : readEndpointReference(inner, nesting + 1);
    selectors[name] = reference ?? textOf(selector);
  }
  return selectors;
}
