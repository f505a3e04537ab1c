import { type ErrorDetails, type ErrorFamily, WaybillError } from "@waybill/base";
import { FaultKinds, type FaultName } from "./registry/fault-codes.ts";
import type { SoapFault } from "./soap/fault.ts";

/** How `WsmanError` differs from its root: what the peer's fault said, decoded. */
export interface WsmanErrorDetails extends ErrorDetails {
  readonly fault?: SoapFault | undefined;
  readonly hresult?: number | undefined;
  readonly httpStatus?: number | undefined;
}

/**
 * A failed management operation, on either side of the wire. A client gets it with the peer's decoded fault; a
 * provider throws it (see `faultError`) and the server sends it as a fault.
 *
 * `hresult` is the number Windows would show (unsigned, for example 0x80070005); `fault.subcode` is the
 * WS-Management fault name; `fault.providerFault` is what the provider behind the service said.
 */
export class WsmanError extends WaybillError {
  readonly fault: SoapFault | undefined;
  readonly hresult: number | undefined;
  readonly httpStatus: number | undefined;

  constructor(message: string, details: WsmanErrorDetails) {
    const hresult = details.hresult ?? details.fault?.hresult;
    super(message, {
      ...details,
      facts: { ...details.facts, ...(hresult === undefined ? {} : { hresult: formatHresult(hresult) }) },
    });
    this.fault = details.fault;
    this.hresult = hresult;
    this.httpStatus = details.httpStatus;
  }
}

/** `0x8009030E`: how Windows and every forum thread spells an HRESULT. */
export function formatHresult(hresult: number): string {
  return `0x${(hresult >>> 0).toString(16).toUpperCase().padStart(8, "0")}`;
}

export interface FaultOptions {
  /** Overrides the HRESULT of the fault kind. */
  readonly hresult?: number;
  readonly code?: string;
  readonly remedy?: string;
  readonly facts?: ErrorDetails["facts"];
  readonly cause?: unknown;
}

/** What a server or a provider throws to answer with one of the known faults. */
export function faultError(kind: FaultName, message: string, options: FaultOptions = {}): WsmanError {
  const row = FaultKinds[kind];
  const hresult = options.hresult ?? row.hresult;
  const family: ErrorFamily = row.sender ? "caller" : "environment";
  return new WsmanError(message, {
    code: options.code ?? `WSMAN_${row.subcode.replace(/([a-z])([A-Z])/g, "$1_$2").toUpperCase()}`,
    family,
    hresult,
    fault: {
      sender: row.sender,
      subcode: row.subcode,
      subcodeNamespace: row.namespace,
      reason: message,
      hresult,
      ...(options.code === undefined ? {} : { waybillCode: options.code }),
      ...(options.remedy === undefined ? {} : { remedy: options.remedy }),
    },
    ...(options.remedy === undefined ? {} : { remedy: options.remedy }),
    ...(options.facts === undefined ? {} : { facts: options.facts }),
    ...(options.cause === undefined ? {} : { cause: options.cause }),
  });
}
