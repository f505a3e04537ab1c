import type { EnumerationFilter, EnumerationItem, EnumerationMode } from "../messages/enumeration.ts";
import type { Identity } from "../messages/identify.ts";
import type { EndpointReference, Selectors } from "../soap/endpoint-reference.ts";
import type { XmlElement } from "../xml/element.ts";

/** Who asks for what: given to every operation of a provider. */
export interface OperationContext {
  /** The authenticated session, as the broker named it. */
  readonly session: string;
  readonly resourceUri: string;
  readonly selectors: Selectors;
  readonly options: Readonly<Record<string, string>>;
  /** Fires when the operation's time is up or the caller is gone. */
  readonly signal: AbortSignal;
}

export interface EnumerateQuery {
  readonly filter?: EnumerationFilter | undefined;
  readonly mode: EnumerationMode;
}

/**
 * What stands behind a management service. Refusals are thrown as `WsmanError` (see `faultError`) and travel as
 * faults; any other error becomes InternalError with the message withheld, unless it is a `WaybillError`.
 */
export interface WsmanProvider {
  identify(): Promise<Identity>;
  get(context: OperationContext): Promise<XmlElement>;
  put(context: OperationContext, instance: XmlElement): Promise<XmlElement>;
  /** Starts an enumeration. The server pulls from the result as the client pulls, and ends it early when the client is gone. */
  enumerate(
    context: OperationContext,
    query: EnumerateQuery,
  ): Promise<Iterable<EnumerationItem> | AsyncIterable<EnumerationItem>>;
  invoke(context: OperationContext, method: string, input: XmlElement): Promise<XmlElement>;
  create?(context: OperationContext, instance: XmlElement): Promise<EndpointReference>;
  delete?(context: OperationContext): Promise<void>;
}
