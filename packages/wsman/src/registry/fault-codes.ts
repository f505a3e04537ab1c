import { Ns } from "../namespaces.ts";

/** HRESULTs of the WS-Management service, as WSManFault carries them (Windows SDK, WsmError.h). */
export const WsmanHresult = {
  providerFailure: 0x80338003,
  enumerationClosed: 0x80338007,
  unsupportedTimeout: 0x8033800c,
  soapVersionMismatch: 0x8033800d,
  invalidHeader: 0x8033800f,
  mustUnderstand: 0x80338010,
  headerRequired: 0x80338011,
  destinationUnreachable: 0x80338012,
  actionNotSupported: 0x80338013,
  invalidRepresentation: 0x80338015,
  filterNotSupported: 0x80338018,
  filterDialectUnavailable: 0x80338019,
  cannotProcessFilter: 0x8033801a,
  invalidEnumerationContext: 0x8033801b,
  timedOut: 0x80338029,
  invalidParameter: 0x8033803a,
  invalidResourceUri: 0x8033803b,
  invalidSelectors: 0x8033803d,
  quotaLimit: 0x8033803f,
  schemaValidation: 0x80338041,
  unsupportedFeature: 0x80338042,
  invalidXml: 0x80338043,
  envelopeSizeExceeded: 0x80338048,
} as const;

/** General HRESULTs that management faults carry (MS-ERREF 2.1.1, MS-WMI 2.2.11). */
export const Hresult = {
  accessDenied: 0x80070005,
  outOfMemory: 0x8007000e,
  invalidArgument: 0x80070057,
  unexpected: 0x8000ffff,
  notFound: 0x80041002,
  invalidClass: 0x80041010,
  invalidQuery: 0x80041017,
  invalidMethod: 0x8004102e,
  noCredentials: 0x8009030e,
  unknownCredentials: 0x8009030d,
} as const;

/** A row of the fault table: who is to blame, the subcode's name, the HRESULT and the plain reason. */
export interface FaultKind {
  readonly sender: boolean;
  readonly namespace: string;
  readonly subcode: string;
  readonly hresult: number;
}

const row = (sender: boolean, namespace: string, subcode: string, hresult: number): FaultKind => ({
  sender,
  namespace,
  subcode,
  hresult,
});

/** The faults this stack raises (DSP0226 section 14, WS-Addressing 2004/08 section 4, WS-Enumeration section 4). */
export const FaultKinds = {
  accessDenied: row(true, Ns.wsman, "AccessDenied", Hresult.accessDenied),
  actionNotSupported: row(true, Ns.addressing, "ActionNotSupported", WsmanHresult.actionNotSupported),
  destinationUnreachable: row(true, Ns.addressing, "DestinationUnreachable", WsmanHresult.invalidResourceUri),
  headerRequired: row(true, Ns.addressing, "MessageInformationHeaderRequired", WsmanHresult.headerRequired),
  invalidHeader: row(true, Ns.addressing, "InvalidMessageInformationHeader", WsmanHresult.invalidHeader),
  invalidSelectors: row(true, Ns.wsman, "InvalidSelectors", WsmanHresult.invalidSelectors),
  notFound: row(true, Ns.addressing, "DestinationUnreachable", Hresult.notFound),
  invalidParameter: row(true, Ns.wsman, "InvalidParameter", WsmanHresult.invalidParameter),
  schemaValidation: row(true, Ns.wsman, "SchemaValidationError", WsmanHresult.schemaValidation),
  invalidXml: row(true, Ns.wsman, "SchemaValidationError", WsmanHresult.invalidXml),
  unsupportedFeature: row(true, Ns.wsman, "UnsupportedFeature", WsmanHresult.unsupportedFeature),
  encodingLimit: row(true, Ns.wsman, "EncodingLimit", WsmanHresult.envelopeSizeExceeded),
  quotaLimit: row(true, Ns.wsman, "QuotaLimit", WsmanHresult.quotaLimit),
  timedOut: row(false, Ns.wsman, "TimedOut", WsmanHresult.timedOut),
  invalidEnumerationContext: row(
    false,
    Ns.enumeration,
    "InvalidEnumerationContext",
    WsmanHresult.invalidEnumerationContext,
  ),
  cannotProcessFilter: row(true, Ns.wsman, "CannotProcessFilter", WsmanHresult.cannotProcessFilter),
  filterDialectUnavailable: row(
    true,
    Ns.enumeration,
    "FilterDialectRequestedUnavailable",
    WsmanHresult.filterDialectUnavailable,
  ),
  internalError: row(false, Ns.wsman, "InternalError", Hresult.unexpected),
} as const;

export type FaultName = keyof typeof FaultKinds;
