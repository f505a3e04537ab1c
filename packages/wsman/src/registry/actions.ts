const transfer = "http://schemas.xmlsoap.org/ws/2004/09/transfer";
const enumeration = "http://schemas.xmlsoap.org/ws/2004/09/enumeration";

/** WS-Addressing actions of the operations (DSP0226 sections 7 and 8). Invoke uses `<resource URI>/<method>`. */
export const Action = {
  get: `${transfer}/Get`,
  put: `${transfer}/Put`,
  create: `${transfer}/Create`,
  delete: `${transfer}/Delete`,
  enumerate: `${enumeration}/Enumerate`,
  pull: `${enumeration}/Pull`,
  release: `${enumeration}/Release`,
  fault: "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault",
  addressingFault: "http://schemas.xmlsoap.org/ws/2004/08/addressing/fault",
  enumerationFault: `${enumeration}/fault`,
} as const;

/** Query dialects an Enumerate may name. */
export const Dialect = {
  wql: "http://schemas.microsoft.com/wbem/wsman/1/WQL",
  selector: "http://schemas.dmtf.org/wbem/wsman/1/wsman/SelectorFilter",
} as const;

/** The prefix of the resource URI of a WMI class: namespace path and class name follow. */
export const wmiResourcePrefix = "http://schemas.microsoft.com/wbem/wsman/1/wmi/";
