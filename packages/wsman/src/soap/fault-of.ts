import type { WaybillError } from "@waybill/base";
import { WsmanError } from "../errors.ts";
import { FaultKinds, type FaultName } from "../registry/fault-codes.ts";
import type { SoapFault } from "./fault.ts";

const kindsByCode: ReadonlyMap<string, FaultName> = new Map([
  ["WSMAN_XML_INVALID", "invalidXml"],
  ["DEADLINE_EXCEEDED", "timedOut"],
  ["ABORTED", "timedOut"],
]);

const kindsByHresult: ReadonlyMap<number, FaultName> = new Map([
  [0x80070005, "accessDenied"],
  [0x80041003, "accessDenied"],
  [0x80070490, "notFound"],
  [0x80041002, "notFound"],
  [0x80070057, "invalidParameter"],
  [0x80041017, "cannotProcessFilter"],
]);

/**
 * The fault for an error thrown on purpose. An error with a numeric `hresult` of its own is the provider's word and
 * travels as a ProviderFault as well; code and remedy travel beside it for clients that know Waybill.
 */
export function faultOf(error: WaybillError): SoapFault {
  if (error instanceof WsmanError && error.fault !== undefined) return error.fault;
  const hresult = hresultOf(error);
  const kind = kindsByCode.get(error.code) ?? kindsByHresult.get(hresult ?? 0) ?? "internalError";
  const row = FaultKinds[kind];
  return {
    sender: row.sender,
    subcode: row.subcode,
    subcodeNamespace: row.namespace,
    reason: error.message,
    hresult: hresult ?? row.hresult,
    ...(hresult === undefined
      ? {}
      : { providerFault: { provider: "Waybill", hresult, message: error.message } }),
    waybillCode: error.code,
    remedy: error.remedy,
  };
}

function hresultOf(error: WaybillError): number | undefined {
  const value: unknown = "hresult" in error ? error.hresult : undefined;
  return typeof value === "number" && Number.isInteger(value) ? value >>> 0 : undefined;
}
