import { faultError } from "../errors.ts";
import { Ns } from "../namespaces.ts";
import {
  type EndpointReference,
  readEndpointReference,
  writeEndpointReference,
} from "../soap/endpoint-reference.ts";
import {
  attributeOf,
  childOf,
  childText,
  element,
  elementsOf,
  textOf,
  withAttribute,
  type XmlElement,
} from "../xml/element.ts";

/** What an enumeration yields (DSP0226 section 8.7): instances, references, or both. */
export type EnumerationMode = "objects" | "references" | "objectsAndReferences";

export interface EnumerationFilter {
  readonly dialect: string;
  readonly text: string;
}

/** One item of an enumeration; which parts are there depends on the mode. */
export interface EnumerationItem {
  readonly instance?: XmlElement | undefined;
  readonly reference?: EndpointReference | undefined;
}

export interface EnumerateRequest {
  readonly filter?: EnumerationFilter | undefined;
  readonly mode: EnumerationMode;
  /** Items wanted in the first answer already (`OptimizeEnumeration`); 0 when not asked for. */
  readonly optimized: number;
}

export interface PullRequest {
  readonly context: string;
  readonly maxElements: number;
}

/** An answer to Enumerate or Pull. Without a context there is nothing more to pull. */
export interface EnumerationBatch {
  readonly items: readonly EnumerationItem[];
  readonly context?: string | undefined;
  readonly end: boolean;
}

const modeNames: ReadonlyMap<EnumerationMode, string> = new Map([
  ["references", "EnumerateEPR"],
  ["objectsAndReferences", "EnumerateObjectAndEPR"],
]);

export function writeEnumerate(request: EnumerateRequest): XmlElement {
  const mode = modeNames.get(request.mode);
  return element(
    Ns.enumeration,
    "Enumerate",
    request.optimized > 0 ? element(Ns.wsman, "OptimizeEnumeration") : undefined,
    request.optimized > 0 ? element(Ns.wsman, "MaxElements", String(request.optimized)) : undefined,
    request.filter === undefined
      ? undefined
      : withAttribute(
          element(Ns.wsman, "Filter", request.filter.text),
          "",
          "Dialect",
          request.filter.dialect,
        ),
    mode === undefined ? undefined : element(Ns.wsman, "EnumerationMode", mode),
  );
}

export function readEnumerate(body: XmlElement): EnumerateRequest {
  const filter = childOf(body, Ns.wsman, "Filter") ?? childOf(body, Ns.enumeration, "Filter");
  const modeName = childText(body, Ns.wsman, "EnumerationMode");
  const mode = [...modeNames].find(([, name]) => name === modeName)?.[0];
  if (modeName !== undefined && mode === undefined && modeName !== "EnumerateObject") {
    throw faultError("unsupportedFeature", `the enumeration mode ${modeName} is not supported`);
  }
  const optimize = childOf(body, Ns.wsman, "OptimizeEnumeration") !== undefined;
  return {
    mode: mode ?? "objects",
    optimized: optimize ? readCount(childText(body, Ns.wsman, "MaxElements")) : 0,
    filter:
      filter === undefined
        ? undefined
        : { dialect: attributeOf(filter, "", "Dialect") ?? "", text: textOf(filter).trim() },
  };
}

export function writePull(request: PullRequest): XmlElement {
  return element(
    Ns.enumeration,
    "Pull",
    element(Ns.enumeration, "EnumerationContext", request.context),
    element(Ns.enumeration, "MaxElements", String(request.maxElements)),
  );
}

export function readPull(body: XmlElement): PullRequest {
  const context = childText(body, Ns.enumeration, "EnumerationContext");
  if (context === undefined) throw faultError("schemaValidation", "Pull names no enumeration context");
  return { context, maxElements: readCount(childText(body, Ns.enumeration, "MaxElements")) };
}

export function writeRelease(context: string): XmlElement {
  return element(Ns.enumeration, "Release", element(Ns.enumeration, "EnumerationContext", context));
}

/** The default when `MaxElements` is absent is one item (WS-Enumeration section 3.2). */
function readCount(text: string | undefined): number {
  if (text === undefined) return 1;
  if (!/^\d{1,9}$/.test(text) || Number(text) === 0) {
    throw faultError("schemaValidation", "MaxElements is not a positive number");
  }
  return Number(text);
}

export function writeEnumerateResponse(batch: EnumerationBatch, optimized: boolean): XmlElement {
  return element(
    Ns.enumeration,
    "EnumerateResponse",
    element(Ns.enumeration, "EnumerationContext", batch.context ?? ""),
    optimized ? element(Ns.wsman, "Items", ...batch.items.map(writeItem)) : undefined,
    optimized && batch.end ? element(Ns.wsman, "EndOfSequence") : undefined,
  );
}

export function writePullResponse(batch: EnumerationBatch): XmlElement {
  return element(
    Ns.enumeration,
    "PullResponse",
    batch.context === undefined ? undefined : element(Ns.enumeration, "EnumerationContext", batch.context),
    element(Ns.enumeration, "Items", ...batch.items.map(writeItem)),
    batch.end ? element(Ns.enumeration, "EndOfSequence") : undefined,
  );
}

export function writeItem(item: EnumerationItem): XmlElement {
  const reference = item.reference === undefined ? undefined : writeEndpointReference(item.reference);
  if (item.instance === undefined) return reference ?? element(Ns.wsman, "Item");
  return reference === undefined ? item.instance : element(Ns.wsman, "Item", item.instance, reference);
}

/** Reads the answer to Enumerate (items under `w:`) or Pull (items under `n:`). */
export function readEnumerationResponse(body: XmlElement): EnumerationBatch | undefined {
  if (body.namespace !== Ns.enumeration) return undefined;
  if (body.name !== "EnumerateResponse" && body.name !== "PullResponse") return undefined;
  const items = childOf(body, Ns.wsman, "Items") ?? childOf(body, Ns.enumeration, "Items");
  const end =
    childOf(body, Ns.wsman, "EndOfSequence") !== undefined ||
    childOf(body, Ns.enumeration, "EndOfSequence") !== undefined;
  return {
    items: items === undefined ? [] : elementsOf(items).map(readItem),
    context: childText(body, Ns.enumeration, "EnumerationContext") || undefined,
    end,
  };
}

function readItem(item: XmlElement): EnumerationItem {
  if (item.namespace === Ns.addressing && item.name === "EndpointReference") {
    return { reference: readEndpointReference(item) };
  }
  if (item.namespace !== Ns.wsman || item.name !== "Item") return { instance: item };
  const reference = childOf(item, Ns.addressing, "EndpointReference");
  return {
    instance: elementsOf(item).find((child) => child !== reference),
    reference: reference === undefined ? undefined : readEndpointReference(reference),
  };
}
