import { faultError } from "../errors.ts";
import { anonymousAddress, Ns } from "../namespaces.ts";
import {
  attributeOf,
  childOf,
  childrenOf,
  childText,
  element,
  elementsOf,
  textOf,
  withAttribute,
  type XmlElement,
} from "../xml/element.ts";
import { formatDuration, parseDuration } from "./duration.ts";
import { readSelectorSet, type Selectors, writeSelectorSet } from "./endpoint-reference.ts";

/** A SOAP 1.2 message with the headers of WS-Addressing 2004/08 and WS-Management that both sides need. */
export interface Envelope {
  readonly action?: string | undefined;
  readonly to?: string | undefined;
  readonly messageId?: string | undefined;
  readonly relatesTo?: string | undefined;
  readonly replyTo?: string | undefined;
  readonly resourceUri?: string | undefined;
  readonly selectors?: Selectors | undefined;
  readonly options?: Readonly<Record<string, string>> | undefined;
  /** Milliseconds. */
  readonly operationTimeout?: number | undefined;
  /** Bytes. */
  readonly maxEnvelopeSize?: number | undefined;
  /** The first element of the body. */
  readonly body?: XmlElement | undefined;
}

const addressingHeaders = new Set(["Action", "To", "MessageID", "ReplyTo", "FaultTo", "From", "RelatesTo"]);
const wsmanHeaders = new Set([
  "ResourceURI",
  "SelectorSet",
  "OptionSet",
  "OperationTimeout",
  "MaxEnvelopeSize",
  "Locale",
  "RequestTotalItemsCountEstimate",
]);
const microsoftHeaders = new Set([
  "DataLocale",
  "SessionId",
  "OperationID",
  "SequenceId",
  "FunctionID",
  "ActivityId",
]);

export function writeEnvelope(envelope: Envelope): XmlElement {
  const must = (header: XmlElement): XmlElement => withAttribute(header, Ns.soap, "mustUnderstand", "true");
  const { to, replyTo, action, messageId, relatesTo, resourceUri, selectors, options } = envelope;
  return element(
    Ns.soap,
    "Envelope",
    element(
      Ns.soap,
      "Header",
      to === undefined ? undefined : element(Ns.addressing, "To", to),
      resourceUri === undefined ? undefined : must(element(Ns.wsman, "ResourceURI", resourceUri)),
      replyTo === undefined
        ? undefined
        : element(Ns.addressing, "ReplyTo", must(element(Ns.addressing, "Address", replyTo))),
      action === undefined ? undefined : must(element(Ns.addressing, "Action", action)),
      envelope.maxEnvelopeSize === undefined
        ? undefined
        : must(element(Ns.wsman, "MaxEnvelopeSize", String(envelope.maxEnvelopeSize))),
      messageId === undefined ? undefined : element(Ns.addressing, "MessageID", messageId),
      relatesTo === undefined ? undefined : element(Ns.addressing, "RelatesTo", relatesTo),
      selectors === undefined ? undefined : writeSelectorSet(selectors),
      options === undefined ? undefined : writeOptions(options),
      envelope.operationTimeout === undefined
        ? undefined
        : element(Ns.wsman, "OperationTimeout", formatDuration(envelope.operationTimeout)),
    ),
    element(Ns.soap, "Body", envelope.body),
  );
}

function writeOptions(options: Readonly<Record<string, string>>): XmlElement | undefined {
  const entries = Object.entries(options);
  if (entries.length === 0) return undefined;
  return element(
    Ns.wsman,
    "OptionSet",
    ...entries.map(([name, value]) => withAttribute(element(Ns.wsman, "Option", value), "", "Name", name)),
  );
}

/**
 * Reads an envelope. Headers it does not know are ignored unless they say `mustUnderstand`.
 *
 * @throws WsmanError carrying the fault to answer with, when this is no envelope or asks for what is not understood.
 */
export function readEnvelope(root: XmlElement): Envelope {
  if (root.name !== "Envelope" || root.namespace !== Ns.soap) {
    throw faultError("invalidXml", `expected a SOAP 1.2 envelope, got <${root.name}>`);
  }
  const body = childOf(root, Ns.soap, "Body");
  if (body === undefined) throw faultError("invalidXml", "the SOAP envelope has no body");
  const header = childOf(root, Ns.soap, "Header") ?? element(Ns.soap, "Header");
  for (const entry of elementsOf(header)) checkUnderstood(entry);
  const addressing = (name: string): string | undefined =>
    childText(header, Ns.addressing, name) || undefined;
  const replyTo = childOf(header, Ns.addressing, "ReplyTo");
  const timeout = childText(header, Ns.wsman, "OperationTimeout");
  const size = childText(header, Ns.wsman, "MaxEnvelopeSize");
  return {
    action: addressing("Action"),
    to: addressing("To"),
    messageId: addressing("MessageID"),
    relatesTo: addressing("RelatesTo"),
    replyTo: replyTo === undefined ? undefined : childText(replyTo, Ns.addressing, "Address"),
    resourceUri: childText(header, Ns.wsman, "ResourceURI"),
    selectors: readSelectorSet(childOf(header, Ns.wsman, "SelectorSet")),
    options: readOptions(childOf(header, Ns.wsman, "OptionSet")),
    operationTimeout: timeout === undefined ? undefined : readTimeout(timeout),
    maxEnvelopeSize: size === undefined ? undefined : readSize(size),
    body: elementsOf(body)[0],
  };
}

function checkUnderstood(entry: XmlElement): void {
  const known =
    (entry.namespace === Ns.addressing && addressingHeaders.has(entry.name)) ||
    (entry.namespace === Ns.wsman && wsmanHeaders.has(entry.name)) ||
    (entry.namespace === Ns.microsoft && microsoftHeaders.has(entry.name));
  if (known) return;
  const must = attributeOf(entry, Ns.soap, "mustUnderstand");
  if (must === "true" || must === "1") {
    throw faultError("unsupportedFeature", `the header ${entry.name} must be understood and is not`);
  }
}

function readOptions(set: XmlElement | undefined): Record<string, string> {
  const options: Record<string, string> = Object.create(null);
  if (set === undefined) return options;
  for (const option of childrenOf(set, Ns.wsman, "Option")) {
    const name = attributeOf(option, "", "Name");
    if (name !== undefined) options[name] = textOf(option);
  }
  return options;
}

function readTimeout(text: string): number {
  const value = parseDuration(text);
  if (value === undefined) throw faultError("invalidHeader", "OperationTimeout is not a duration");
  return value;
}

function readSize(text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw faultError("invalidHeader", "MaxEnvelopeSize is not a number of bytes");
  return Number(text);
}

/** Whether a reply can go back on the connection it came from: the only way this stack answers. */
export function isAnonymous(address: string | undefined): boolean {
  return address === undefined || address === "" || address === anonymousAddress;
}
