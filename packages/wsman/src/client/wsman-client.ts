import { randomUUID } from "node:crypto";
import { utf8 } from "@waybill/base";
import { WsmanError } from "../errors.ts";
import {
  type EnumerationBatch,
  type EnumerationFilter,
  type EnumerationItem,
  type EnumerationMode,
  readEnumerationResponse,
  writeEnumerate,
  writePull,
  writeRelease,
} from "../messages/enumeration.ts";
import { type Identity, readIdentifyResponse, writeIdentify } from "../messages/identify.ts";
import { anonymousAddress, Ns } from "../namespaces.ts";
import { Action } from "../registry/actions.ts";
import { type EndpointReference, readEndpointReference } from "../soap/endpoint-reference.ts";
import { type Envelope, readEnvelope, writeEnvelope } from "../soap/envelope.ts";
import { readFault } from "../soap/fault.ts";
import { childOf, element, type XmlElement } from "../xml/element.ts";
import { readXml } from "../xml/read-xml.ts";
import { writeXml } from "../xml/write-xml.ts";
import { type ConnectionOptions, type ExchangeOptions, WsmanConnection } from "./wsman-connection.ts";

export interface WsmanClientOptions extends ConnectionOptions {
  /** Milliseconds an operation may take on the wire; the service is asked for a little less. Default 60000. */
  readonly timeout?: number | undefined;
  /** Bytes the service may answer with, told to it as MaxEnvelopeSize. Default 512000. */
  readonly maxEnvelopeSize?: number | undefined;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds; overrides the client's. */
  readonly timeout?: number | undefined;
}

export interface EnumerateOptions extends CallOptions {
  readonly filter?: EnumerationFilter | undefined;
  readonly mode?: EnumerationMode | undefined;
  /** Items per message. Default 100. */
  readonly batch?: number | undefined;
}

/**
 * A WS-Management client (DSP0226) for Waybill hosts and Windows' WinRM service.
 *
 * Tested against Waybill's own server and with foreign clients against that server; against Windows it is written
 * to the documentation (MS-WSMV) and was not tried there.
 *
 * Every method throws `WsmanError`: with `fault` and `hresult` when the service answered with a fault, with
 * `httpStatus` when HTTP refused, else with what went wrong on the way.
 *
 * @example
 * ```ts
 * const client = new WsmanClient({ host: "kvm01.lab.test", security });
 * for await (const item of client.enumerate(resourceUri, { filter: { dialect: Dialect.wql, text: "select * from Msvm_ComputerSystem" } })) …
 * ```
 */
export class WsmanClient {
  readonly #connection: WsmanConnection;
  readonly #options: WsmanClientOptions;

  constructor(options: WsmanClientOptions) {
    this.#options = options;
    this.#connection = new WsmanConnection(options);
  }

  async identify(options: CallOptions = {}): Promise<Identity> {
    const body = await this.#call({ body: writeIdentify() }, true, options, false);
    const identity = readIdentifyResponse(body);
    if (identity === undefined) throw unexpected("Identify", body);
    return identity;
  }

  /** Reads one instance (WS-Transfer Get). */
  async get(reference: EndpointReference, options: CallOptions = {}): Promise<XmlElement> {
    return await this.#call({ action: Action.get, ...target(reference) }, true, options);
  }

  /** Replaces one instance; gives back what the service made of it, if it says. */
  async put(
    reference: EndpointReference,
    instance: XmlElement,
    options: CallOptions = {},
  ): Promise<XmlElement> {
    return await this.#call({ action: Action.put, ...target(reference), body: instance }, false, options);
  }

  async create(
    resourceUri: string,
    instance: XmlElement,
    options: CallOptions = {},
  ): Promise<EndpointReference> {
    const body = await this.#call({ action: Action.create, resourceUri, body: instance }, false, options);
    const created = childOf(body, Ns.transfer, "ResourceCreated") ?? body;
    const reference = readEndpointReference(created);
    if (reference === undefined) throw unexpected("Create", body);
    return reference;
  }

  async delete(reference: EndpointReference, options: CallOptions = {}): Promise<void> {
    await this.#call({ action: Action.delete, ...target(reference) }, false, options);
  }

  /**
   * Calls a method. `input` is the `<Method>_INPUT` element; the answer is the `<Method>_OUTPUT` element.
   * It is never repeated by itself: after `WSMAN_CONNECTION_LOST` ask what became of it.
   */
  async invoke(
    reference: EndpointReference,
    method: string,
    input: XmlElement,
    options: CallOptions = {},
  ): Promise<XmlElement> {
    const action = `${reference.resourceUri}/${method}`;
    return await this.#call({ action, ...target(reference), body: input }, false, options);
  }

  /** Enumerates a resource, pulling batch after batch as the caller consumes them. */
  async *enumerate(resourceUri: string, options: EnumerateOptions = {}): AsyncGenerator<EnumerationItem> {
    const batchSize = options.batch ?? 100;
    const request = writeEnumerate({
      mode: options.mode ?? "objects",
      optimized: batchSize,
      filter: options.filter,
    });
    const first = await this.#call({ action: Action.enumerate, resourceUri, body: request }, true, options);
    let batch = readBatch(first);
    try {
      while (true) {
        yield* batch.items;
        const { context } = batch;
        if (batch.end || context === undefined) return;
        const pull = writePull({ context, maxElements: batchSize });
        batch = readBatch(await this.#call({ action: Action.pull, resourceUri, body: pull }, false, options));
        // A service may answer "nothing yet, same context": WS-Enumeration allows it, a fault ends it.
      }
    } finally {
      if (!batch.end && batch.context !== undefined) await this.#release(resourceUri, batch.context);
    }
  }

  /** Closes the connection and forgets its security context. The client may be used again afterwards. */
  close(): void {
    this.#connection.close();
  }

  async #exchange(
    message: Uint8Array,
    options: ExchangeOptions,
  ): Promise<{ status: number; envelope: Envelope }> {
    for (let attempt = 0; ; attempt += 1) {
      const { status, body } = await this.#connection.exchange(message, options);
      const envelope = readEnvelope(readXml(body));
      const ended = isFault(envelope.body) && readFault(envelope.body).waybillCode === sessionEnded;
      if (!ended || attempt > 0) return { status, envelope };
      // The ticket behind the connection has ended; nothing was done yet, so that asking again is safe.
      this.#connection.close();
    }
  }

  async #release(resourceUri: string, context: string): Promise<void> {
    const request = { action: Action.release, resourceUri, body: writeRelease(context) };
    // The context expires by itself; a failure to release it early concerns nobody.
    await this.#call(request, false, { timeout: 5000 }, true, true).catch(() => {});
  }

  async #call(
    request: Envelope,
    repeatable: boolean,
    options: CallOptions,
    addressed = true,
    emptyAllowed = request.action === Action.delete || request.action === Action.put,
  ): Promise<XmlElement> {
    const timeout = options.timeout ?? this.#options.timeout ?? 60_000;
    const messageId = `uuid:${randomUUID().toUpperCase()}`;
    const { port, path, tls } = this.#options;
    const host = this.#options.name ?? this.#options.host;
    const scheme = tls === undefined ? "http" : "https";
    const to = `${scheme}://${host}:${port ?? (tls === undefined ? 5985 : 5986)}${path ?? "/wsman"}`;
    const headers: Envelope = addressed
      ? {
          to,
          replyTo: anonymousAddress,
          messageId,
          operationTimeout: Math.max(1000, timeout - 1000),
          maxEnvelopeSize: this.#options.maxEnvelopeSize ?? 512_000,
        }
      : {};
    const message = utf8(writeXml(writeEnvelope({ ...headers, ...request })));
    const { signal } = options;
    const { status, envelope } = await this.#exchange(message, { timeout, signal, repeatable });
    const { body } = envelope;
    if (isFault(body)) throw faultReceived(host, body, status);
    if (addressed && envelope.relatesTo !== undefined && !sameId(envelope.relatesTo, messageId)) {
      throw new WsmanError(`${host} answered another request`, {
        code: "WSMAN_ANSWER_UNEXPECTED",
        family: "peer",
      });
    }
    if (body === undefined && !emptyAllowed) throw unexpected(request.action ?? "the request", undefined);
    return body ?? element(Ns.soap, "Body");
  }
}

/** What a Waybill host answers when the ticket behind a connection has ended. */
const sessionEnded = "SESSION_UNKNOWN";

function isFault(body: XmlElement | undefined): body is XmlElement {
  return body?.name === "Fault" && body.namespace === Ns.soap;
}

function target(reference: EndpointReference): Pick<Envelope, "resourceUri" | "selectors"> {
  return { resourceUri: reference.resourceUri, selectors: reference.selectors };
}

function sameId(left: string, right: string): boolean {
  return left.toLowerCase().replace(/^urn:/, "") === right.toLowerCase().replace(/^urn:/, "");
}

function readBatch(body: XmlElement): EnumerationBatch {
  const batch = readEnumerationResponse(body);
  if (batch === undefined) throw unexpected("Enumerate", body);
  return batch;
}

function unexpected(action: string, body: XmlElement | undefined): WsmanError {
  const got = body === undefined ? "an empty body" : `<${body.name}>`;
  return new WsmanError(`the answer to ${action} was ${got}`, {
    code: "WSMAN_ANSWER_UNEXPECTED",
    family: "peer",
  });
}

function faultReceived(host: string, body: XmlElement, httpStatus: number): WsmanError {
  const fault = readFault(body);
  const said = fault.providerFault?.message ?? fault.message ?? fault.reason;
  return new WsmanError(`${host}: ${said}`, {
    code:
      fault.waybillCode ??
      `WSMAN_FAULT_${(fault.subcode || "OTHER").replace(/[^A-Za-z]/g, "").toUpperCase()}`,
    family: "peer",
    fault,
    hresult: fault.providerFault?.hresult ?? fault.hresult,
    httpStatus,
    facts: { host, fault: fault.subcode },
    ...(fault.remedy === undefined ? {} : { remedy: fault.remedy }),
  });
}
