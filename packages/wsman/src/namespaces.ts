/** XML namespaces of WS-Management (DSP0226) and of Microsoft's extensions (MS-WSMV 2.2.1). */
export const Ns = {
  soap: "http://www.w3.org/2003/05/soap-envelope",
  addressing: "http://schemas.xmlsoap.org/ws/2004/08/addressing",
  transfer: "http://schemas.xmlsoap.org/ws/2004/09/transfer",
  enumeration: "http://schemas.xmlsoap.org/ws/2004/09/enumeration",
  wsman: "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
  identity: "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd",
  cim: "http://schemas.dmtf.org/wbem/wscim/1/common",
  cimBinding: "http://schemas.dmtf.org/wbem/wsman/1/cimbinding.xsd",
  microsoft: "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd",
  fault: "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault",
  xsi: "http://www.w3.org/2001/XMLSchema-instance",
  xml: "http://www.w3.org/XML/1998/namespace",
  /** Waybill's own fault detail: the stable code and the remedy of a refusal. */
  waybill: "urn:waybill:wsman:1",
} as const;

/** The prefixes Microsoft's stack uses, so that traces read alike. Correct readers do not care. */
export const preferredPrefixes: ReadonlyMap<string, string> = new Map([
  [Ns.soap, "s"],
  [Ns.addressing, "a"],
  [Ns.transfer, "x"],
  [Ns.enumeration, "n"],
  [Ns.wsman, "w"],
  [Ns.identity, "wsmid"],
  [Ns.cim, "cim"],
  [Ns.cimBinding, "b"],
  [Ns.microsoft, "m"],
  [Ns.fault, "f"],
  [Ns.xsi, "xsi"],
  [Ns.waybill, "wb"],
]);

/** Where a reply goes when the connection itself is the way back (WS-Addressing 2004/08, section 3). */
export const anonymousAddress = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous";
