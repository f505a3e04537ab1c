import { Ns } from "../namespaces.ts";
import { childText, element, type XmlElement } from "../xml/element.ts";

/** What a management service says about itself (DSP0226 section 11). */
export interface Identity {
  readonly protocolVersion: string;
  readonly productVendor: string;
  readonly productVersion: string;
}

const identityNamespaces = [
  Ns.identity,
  "https://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd",
  "http://schemas.dmtf.org/wbem/wsman/identify/1/wsmanidentity.xsd",
];

export function isIdentify(body: XmlElement | undefined): boolean {
  return body?.name === "Identify" && identityNamespaces.includes(body.namespace);
}

export function writeIdentify(): XmlElement {
  return element(Ns.identity, "Identify");
}

export function writeIdentifyResponse(identity: Identity): XmlElement {
  return element(
    Ns.identity,
    "IdentifyResponse",
    element(Ns.identity, "ProtocolVersion", identity.protocolVersion),
    element(Ns.identity, "ProductVendor", identity.productVendor),
    element(Ns.identity, "ProductVersion", identity.productVersion),
  );
}

export function readIdentifyResponse(body: XmlElement): Identity | undefined {
  if (body.name !== "IdentifyResponse" || !identityNamespaces.includes(body.namespace)) return undefined;
  const read = (name: string): string => childText(body, body.namespace, name) ?? "";
  return {
    protocolVersion: read("ProtocolVersion"),
    productVendor: read("ProductVendor"),
    productVersion: read("ProductVersion"),
  };
}
