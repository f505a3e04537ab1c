import { randomUUID } from "node:crypto";
import {
  type Clock,
  emptyBytes,
  fromUtf8,
  type Logger,
  silentLogger,
  systemClock,
  utf8,
  WaybillError,
  withDeadline,
} from "@waybill/base";
import { faultError } from "../errors.ts";
import {
  checkPlainLength,
  encryptedContentType,
  type HttpAuthScheme,
  isEncryptedContentType,
  readEncryptedMessage,
  type SealProtocol,
  writeEncryptedMessage,
} from "../framing/encrypted-message.ts";
import { isIdentify, writeIdentifyResponse } from "../messages/identify.ts";
import { Action } from "../registry/actions.ts";
import { type Envelope, readEnvelope, writeEnvelope } from "../soap/envelope.ts";
import { type SoapFault, writeFault } from "../soap/fault.ts";
import { faultOf } from "../soap/fault-of.ts";
import { defaultXmlLimits, readXml } from "../xml/read-xml.ts";
import { writeXml } from "../xml/write-xml.ts";
import { EnumerationContexts } from "./enumeration-contexts.ts";
import type { NegotiateBroker } from "./negotiate-broker.ts";
import { Operations } from "./operations.ts";
import type { WsmanProvider } from "./wsman-provider.ts";

export interface WsmanServerOptions {
  readonly provider: WsmanProvider;
  readonly broker: NegotiateBroker;
  /** Accept bodies in clear over plain HTTP from authenticated callers. Default false, as in Windows. */
  readonly allowUnencrypted?: boolean | undefined;
  /** Bytes of a message, either way. Default 512000. */
  readonly maxEnvelopeSize?: number | undefined;
  /** Milliseconds the longest operation may take. Default 60000. */
  readonly maxOperationTimeout?: number | undefined;
  readonly maxEnumerationsPerSession?: number | undefined;
  /** The name that faults carry as their machine. */
  readonly machine?: string | undefined;
  readonly logger?: Logger | undefined;
  readonly clock?: Clock | undefined;
}

/** One HTTP request, already read to its end. Header names are in lower case. */
export interface ServerRequest {
  /** Names the TCP connection: requests of one connection share it, no two connections ever do. */
  readonly connectionId: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Uint8Array;
  /** Whether TLS protects the connection. */
  readonly secure: boolean;
  /** Fires when the caller is gone. */
  readonly signal?: AbortSignal | undefined;
}

export interface ServerResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: Uint8Array;
  /** The connection is not to be used again. */
  readonly close?: boolean | undefined;
}

interface Connection {
  tail: Promise<unknown>;
  contextId?: string | undefined;
  session?: string | undefined;
  legs: number;
}

const soapType = "application/soap+xml;charset=UTF-8";
const maxLegs = 6;
const maxAnonymousBody = 4096;

/**
 * The core of a WS-Management service: takes HTTP requests as values and gives answers as values, holds no socket
 * and no key. Authentication belongs to the connection (MS-WSMV 3.1.4.1): `accept` runs on the tokens of one
 * connection until its session is established, and everything sealed afterwards goes through the same context.
 *
 * ```mermaid
 * stateDiagram-v2
 *   [*] --> Anonymous
 *   Anonymous --> Negotiating: Authorization, more tokens needed (401)
 *   Anonymous --> Established: Authorization, accepted (200)
 *   Negotiating --> Established: accepted
 *   Negotiating --> Anonymous: refused (401)
 *   Established --> Established: sealed request
 *   Established --> Anonymous: message that does not unseal (400, closed)
 *   Established --> Negotiating: a new Authorization replaces the context
 * ```
 */
export class WsmanServer {
  readonly #options: WsmanServerOptions;
  readonly #connections = new Map<string, Connection>();
  readonly #enumerations: EnumerationContexts;
  readonly #operations: Operations;
  readonly #logger: Logger;

  constructor(options: WsmanServerOptions) {
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
    const limits = {
      maxPerSession: options.maxEnumerationsPerSession ?? 16,
      idleTimeout: 60_000,
      maxBatch: 32_000,
    };
    this.#enumerations = new EnumerationContexts(limits, options.clock ?? systemClock);
    this.#operations = new Operations(options.provider, this.#enumerations);
  }

  get maxEnvelopeSize(): number {
    return this.#options.maxEnvelopeSize ?? 512_000;
  }

  /** Answers one request. Never rejects: what goes wrong is in the answer. Requests of one connection take turns. */
  async handle(request: ServerRequest): Promise<ServerResponse> {
    let connection = this.#connections.get(request.connectionId);
    if (connection === undefined) {
      connection = { tail: Promise.resolve(), legs: 0 };
      this.#connections.set(request.connectionId, connection);
    }
    const held = connection;
    const turn = held.tail.then(async () => await this.#answer(held, request));
    held.tail = turn;
    return await turn;
  }

  /** To be called when the TCP connection is gone: ends its security context and its enumerations. */
  async connectionClosed(connectionId: string): Promise<void> {
    const connection = this.#connections.get(connectionId);
    this.#connections.delete(connectionId);
    if (connection === undefined) return;
    await connection.tail;
    await this.#endContext(connection);
  }

  async #answer(connection: Connection, request: ServerRequest): Promise<ServerResponse> {
    try {
      if (request.method !== "POST") return plain(405, { allow: "POST" });
      if (request.path.split("?", 1)[0] !== "/wsman") return plain(404);
      if (request.body.length > this.maxEnvelopeSize + 4096) return { ...plain(413), close: true };
      const authorization = header(request, "authorization");
      if (authorization !== undefined) return await this.#negotiate(connection, request, authorization);
      return await this.#process(connection, request, {});
    } catch (error) {
      this.#logger.error("wsman.internal", {
        message: error instanceof Error ? error.message : String(error),
      });
      return { ...plain(500), close: true };
    }
  }

  async #negotiate(
    connection: Connection,
    request: ServerRequest,
    authorization: string,
  ): Promise<ServerResponse> {
    const match = /^(Negotiate|Kerberos)\s+([A-Za-z0-9+/]{1,90000}={0,2})\s*$/i.exec(authorization);
    if (match === null) return unauthorized();
    const scheme: HttpAuthScheme = match[1]?.toLowerCase() === "kerberos" ? "Kerberos" : "Negotiate";
    const token = new Uint8Array(Buffer.from(match[2] ?? "", "base64"));
    if (connection.session !== undefined) await this.#endContext(connection);
    connection.contextId ??= randomUUID();
    connection.legs += 1;
    if (connection.legs > maxLegs) {
      await this.#endContext(connection);
      return { ...unauthorized(), close: true };
    }
    let result: Awaited<ReturnType<NegotiateBroker["accept"]>>;
    try {
      result = await this.#options.broker.accept(connection.contextId, token);
    } catch (error) {
      this.#logger.warn("wsman.authentication-refused", {
        connection: request.connectionId,
        why: reasonOf(error),
      });
      if (isEnvironment(error)) {
        await this.#endContext(connection);
        return unavailable();
      }
      result = { established: false, refused: true, token: refusalToken(error) };
    }
    if (result.refused === true) await this.#endContext(connection);
    const answer =
      result.token === undefined ? undefined : `${scheme} ${Buffer.from(result.token).toString("base64")}`;
    if (!result.established || result.session === undefined) {
      return answer === undefined ? unauthorized() : plain(401, { "www-authenticate": answer });
    }
    connection.session = result.session;
    connection.legs = 0;
    const headers: Record<string, string> = answer === undefined ? {} : { "www-authenticate": answer };
    if (request.body.length === 0) return plain(200, headers);
    return await this.#process(connection, request, headers);
  }

  async #process(
    connection: Connection,
    request: ServerRequest,
    headers: Record<string, string>,
  ): Promise<ServerResponse> {
    const contentType = header(request, "content-type");
    const { session, contextId } = connection;
    if (isEncryptedContentType(contentType)) {
      if (session === undefined || contextId === undefined) return unauthorized();
      return await this.#processSealed(connection, session, contextId, request, contentType ?? "", headers);
    }
    // Strangers are worth no more parsing than an Identify takes.
    if (session === undefined && request.body.length > maxAnonymousBody) return unauthorized();
    const opened = this.#open(request.body);
    if (opened.envelope !== undefined && isIdentify(opened.envelope.body)) {
      // In clear nobody learns versions, whoever asks.
      const known = session !== undefined && (request.secure || this.#options.allowUnencrypted === true);
      if (
        known ||
        session !== undefined ||
        header(request, "wsmanidentify")?.toLowerCase() === "unauthenticated"
      ) {
        return reply(200, headers, await this.#identify(opened.envelope, known));
      }
    }
    if (session === undefined) return unauthorized();
    if (!request.secure && this.#options.allowUnencrypted !== true) {
      const refusal = faultError(
        "accessDenied",
        "the message is not encrypted and the service does not allow that",
      );
      return reply(403, headers, this.#fault(opened.envelope, refusal));
    }
    const result = await this.#run(session, opened, request.signal);
    return reply(result.status, headers, result.body);
  }

  async #processSealed(
    connection: Connection,
    session: string,
    contextId: string,
    request: ServerRequest,
    contentType: string,
    headers: Record<string, string>,
  ): Promise<ServerResponse> {
    let message: Uint8Array;
    let protocol: SealProtocol;
    try {
      const framed = readEncryptedMessage(contentType, request.body);
      protocol = framed.protocol;
      message = await this.#options.broker.unseal(contextId, framed.header, framed.payload);
      checkPlainLength(framed, message);
    } catch (error) {
      this.#logger.warn("wsman.unseal-refused", { connection: request.connectionId, why: reasonOf(error) });
      await this.#endContext(connection);
      if (isEnvironment(error)) return unavailable();
      // A broker that was restarted knows nobody: the caller is to sign in again, not to be thrown out.
      if (error instanceof WaybillError && error.code === "SESSION_UNKNOWN") return unauthorized();
      return { ...plain(400), close: true };
    }
    const result = await this.#run(session, this.#open(message), request.signal);
    const sealed = await this.#options.broker.seal(contextId, result.body);
    const body = writeEncryptedMessage({ protocol, length: result.body.length, ...sealed });
    return {
      status: result.status,
      headers: { ...headers, "content-type": encryptedContentType(protocol) },
      body,
    };
  }

  #open(message: Uint8Array): { envelope?: Envelope; refusal?: unknown } {
    try {
      if (message.length > this.maxEnvelopeSize) {
        throw faultError(
          "encodingLimit",
          `the message exceeds MaxEnvelopeSize (${this.maxEnvelopeSize} bytes)`,
        );
      }
      const root = readXml(message, { ...defaultXmlLimits, maxCharacters: this.maxEnvelopeSize });
      return { envelope: readEnvelope(root) };
    } catch (error) {
      return { refusal: error };
    }
  }

  async #run(
    session: string,
    opened: { envelope?: Envelope; refusal?: unknown },
    signal: AbortSignal | undefined,
  ): Promise<{ status: number; body: Uint8Array }> {
    const { envelope } = opened;
    if (envelope === undefined) return { status: 500, body: this.#fault(undefined, opened.refusal) };
    try {
      if (isIdentify(envelope.body)) return { status: 200, body: await this.#identify(envelope, true) };
      const longest = this.#options.maxOperationTimeout ?? 60_000;
      const timeout = Math.min(envelope.operationTimeout ?? longest, longest);
      const size = Math.min(envelope.maxEnvelopeSize ?? this.maxEnvelopeSize, this.maxEnvelopeSize);
      const body = await withDeadline(
        { what: "the operation", timeout, signal },
        async (inner) => await this.#operations.run(session, envelope, size, inner),
      );
      const written = this.#envelope(envelope, { action: responseAction(envelope.action), body });
      if (written.length > size)
        throw faultError("encodingLimit", `the answer exceeds MaxEnvelopeSize (${size} bytes)`);
      return { status: 200, body: written };
    } catch (error) {
      return { status: 500, body: this.#fault(envelope, error) };
    }
  }

  async #identify(request: Envelope, known: boolean): Promise<Uint8Array> {
    const identity = await this.#options.provider.identify();
    const shown = known ? identity : { ...identity, productVersion: "OS: 0.0.0 SP: 0.0 Stack: 3.0" };
    return this.#envelope(request, { body: writeIdentifyResponse(shown) });
  }

  #envelope(request: Envelope | undefined, answer: Envelope): Uint8Array {
    const addressed = request?.messageId !== undefined || answer.action !== undefined;
    const headers: Envelope = addressed
      ? {
          to: request?.replyTo ?? "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous",
          messageId: `uuid:${randomUUID().toUpperCase()}`,
          relatesTo: request?.messageId,
        }
      : {};
    return utf8(writeXml(writeEnvelope({ ...headers, ...answer })));
  }

  #fault(request: Envelope | undefined, error: unknown): Uint8Array {
    const fault = { ...this.#asFault(error), machine: this.#options.machine };
    return this.#envelope(request, { action: Action.fault, body: writeFault(fault) });
  }

  #asFault(error: unknown): SoapFault {
    if (error instanceof WaybillError) return faultOf(error);
    this.#logger.error("wsman.operation-failed", { why: reasonOf(error) });
    return faultOf(faultError("internalError", "the service could not complete the request"));
  }

  async #endContext(connection: Connection): Promise<void> {
    const { contextId, session } = connection;
    connection.contextId = undefined;
    connection.session = undefined;
    connection.legs = 0;
    if (session !== undefined) this.#enumerations.releaseSession(session);
    if (contextId === undefined) return;
    try {
      await this.#options.broker.close(contextId);
    } catch (error) {
      this.#logger.warn("wsman.broker-close-failed", { why: reasonOf(error) });
    }
  }
}

/** The broker is out of reach or out of resources: no word about the caller. */
function isEnvironment(error: unknown): boolean {
  return error instanceof WaybillError && error.family === "environment";
}

function unavailable(): ServerResponse {
  return { ...plain(503, { "retry-after": "1" }), close: true };
}

/** What a security package wants its peer to know about a refusal: a KRB-ERROR, for example about clocks. */
function refusalToken(error: unknown): Uint8Array | undefined {
  if (typeof error !== "object" || error === null || !("token" in error)) return undefined;
  return error.token instanceof Uint8Array ? error.token : undefined;
}

function responseAction(action: string | undefined): string {
  return `${action ?? ""}Response`;
}

function header(request: ServerRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function plain(status: number, headers: Record<string, string | string[]> = {}): ServerResponse {
  return { status, headers, body: emptyBytes };
}

function unauthorized(): ServerResponse {
  return plain(401, { "www-authenticate": ["Negotiate", "Kerberos"] });
}

function reply(status: number, headers: Record<string, string>, body: Uint8Array): ServerResponse {
  return { status, headers: { ...headers, "content-type": soapType }, body };
}

function reasonOf(error: unknown): string {
  return error instanceof WaybillError
    ? error.code
    : error instanceof Error
      ? error.message
      : fromUtf8(utf8(String(error)));
}
