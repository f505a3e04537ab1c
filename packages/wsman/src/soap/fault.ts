import { Ns } from "../namespaces.ts";
import {
  attributeOf,
  childOf,
  childText,
  element,
  elementsOf,
  textOf,
  withAttribute,
  type XmlElement,
  XmlQName,
} from "../xml/element.ts";

/** What the provider behind the management service said (`f:ProviderFault`, MS-WSMV 2.2.4.43). */
export interface ProviderFault {
  readonly provider?: string | undefined;
  readonly path?: string | undefined;
  readonly hresult?: number | undefined;
  readonly message?: string | undefined;
}

/**
 * A SOAP 1.2 fault as WS-Management uses it, with the `f:WSManFault` detail of Microsoft's stack: `Code` is an
 * HRESULT written as an unsigned decimal number.
 */
export interface SoapFault {
  /** True when the request was at fault (`s:Sender`), false when the service was (`s:Receiver`). */
  readonly sender: boolean;
  /** The subcode's local name, for example `AccessDenied`; empty when there was none. */
  readonly subcode: string;
  readonly subcodeNamespace?: string | undefined;
  readonly reason: string;
  readonly hresult?: number | undefined;
  readonly machine?: string | undefined;
  /** The text of `f:Message`, where it is text. */
  readonly message?: string | undefined;
  readonly providerFault?: ProviderFault | undefined;
  /** Waybill's stable error code and remedy, when the peer is a Waybill host. */
  readonly waybillCode?: string | undefined;
  readonly remedy?: string | undefined;
}

export function writeFault(fault: SoapFault): XmlElement {
  const subcode =
    fault.subcode === ""
      ? undefined
      : element(
          Ns.soap,
          "Subcode",
          element(Ns.soap, "Value", new XmlQName(fault.subcodeNamespace ?? Ns.wsman, fault.subcode)),
        );
  return element(
    Ns.soap,
    "Fault",
    element(
      Ns.soap,
      "Code",
      element(Ns.soap, "Value", new XmlQName(Ns.soap, fault.sender ? "Sender" : "Receiver")),
      subcode,
    ),
    element(
      Ns.soap,
      "Reason",
      withAttribute(element(Ns.soap, "Text", fault.reason), Ns.xml, "lang", "en-US"),
    ),
    element(Ns.soap, "Detail", writeWsmanFault(fault), writeExplanation(fault)),
  );
}

function writeWsmanFault(fault: SoapFault): XmlElement | undefined {
  if (fault.hresult === undefined) return undefined;
  const provider = fault.providerFault;
  const message =
    provider === undefined
      ? (fault.message ?? fault.reason)
      : writeProviderFault(provider, fault.machine, fault.message ?? fault.reason);
  return wsmanFault(fault.hresult, fault.machine, message);
}

function writeProviderFault(
  provider: ProviderFault,
  machine: string | undefined,
  message: string,
): XmlElement {
  const said = provider.message ?? message;
  const content = provider.hresult === undefined ? said : wsmanFault(provider.hresult, machine, said);
  let written = element(Ns.fault, "ProviderFault", content);
  if (provider.provider !== undefined) written = withAttribute(written, "", "provider", provider.provider);
  if (provider.path !== undefined) written = withAttribute(written, "", "path", provider.path);
  return written;
}

function wsmanFault(hresult: number, machine: string | undefined, message: string | XmlElement): XmlElement {
  const coded = withAttribute(
    element(Ns.fault, "WSManFault", element(Ns.fault, "Message", message)),
    "",
    "Code",
    String(hresult >>> 0),
  );
  return machine === undefined ? coded : withAttribute(coded, "", "Machine", machine);
}

function writeExplanation(fault: SoapFault): XmlElement | undefined {
  if (fault.waybillCode === undefined && fault.remedy === undefined) return undefined;
  return element(
    Ns.waybill,
    "Explanation",
    fault.waybillCode === undefined ? undefined : element(Ns.waybill, "Code", fault.waybillCode),
    fault.remedy === undefined ? undefined : element(Ns.waybill, "Remedy", fault.remedy),
  );
}

/** Reads an `s:Fault`; parts that are missing or odd are left out, for a fault must never hide behind another. */
export function readFault(fault: XmlElement): SoapFault {
  const code = childOf(fault, Ns.soap, "Code");
  const subcode = code === undefined ? undefined : childOf(code, Ns.soap, "Subcode");
  const reason = childOf(fault, Ns.soap, "Reason");
  const detail = childOf(fault, Ns.soap, "Detail");
  const wsman = detail === undefined ? undefined : childOf(detail, Ns.fault, "WSManFault");
  const message = wsman === undefined ? undefined : childOf(wsman, Ns.fault, "Message");
  const explanation = detail === undefined ? undefined : childOf(detail, Ns.waybill, "Explanation");
  const reasonText = reason === undefined ? undefined : childText(reason, Ns.soap, "Text");
  const messageText = message === undefined ? undefined : textOf(message).trim() || undefined;
  return {
    sender: code !== undefined && localName(childText(code, Ns.soap, "Value")) === "Sender",
    subcode: subcode === undefined ? "" : localName(childText(subcode, Ns.soap, "Value")),
    reason: reasonText || messageText || "the service gave no reason",
    hresult: wsman === undefined ? undefined : readHresult(attributeOf(wsman, "", "Code")),
    machine: wsman === undefined ? undefined : attributeOf(wsman, "", "Machine"),
    message: messageText,
    providerFault: message === undefined ? undefined : readProviderFault(message),
    waybillCode: explanation === undefined ? undefined : childText(explanation, Ns.waybill, "Code"),
    remedy: explanation === undefined ? undefined : childText(explanation, Ns.waybill, "Remedy"),
  };
}

function readProviderFault(message: XmlElement): ProviderFault | undefined {
  const fault = childOf(message, Ns.fault, "ProviderFault");
  if (fault === undefined) return undefined;
  const inner = childOf(fault, Ns.fault, "WSManFault");
  return {
    provider: attributeOf(fault, "", "provider"),
    path: attributeOf(fault, "", "path"),
    hresult: readHresult((inner === undefined ? undefined : attributeOf(inner, "", "Code")) ?? ""),
    message: deepText(inner ?? fault).trim() || undefined,
  };
}

function deepText(target: XmlElement): string {
  return textOf(target) + elementsOf(target).map(deepText).join(" ");
}

function readHresult(text: string | undefined): number | undefined {
  if (text === undefined || !/^-?\d{1,10}$/.test(text)) return undefined;
  return Number(text) >>> 0;
}

function localName(qname: string | undefined): string {
  if (qname === undefined) return "";
  return qname.slice(qname.indexOf(":") + 1);
}
