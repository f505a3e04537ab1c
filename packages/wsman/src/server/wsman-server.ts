import { type Clock, type Logger, silentLogger, systemClock, withDeadline } from "@waybill/base";
import { faultError } from "../errors.ts";
import { isEncryptedContentType } from "../framing/encrypted-message.ts";
import { isIdentify } from "../messages/identify.ts";
import { type Envelope, readEnvelope } from "../soap/envelope.ts";
import { defaultXmlLimits, readXml } from "../xml/read-xml.ts";
import { Answers } from "./answers.ts";
import { Authentication, type Connection, type Headers, reasonOf } from "./authentication.ts";
import { EnumerationContexts } from "./enumeration-contexts.ts";
import {
  emptyResponse,
  headerOf,
  type ServerRequest,
  type ServerResponse,
  unauthorized,
} from "./http-message.ts";
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

/** A message read, or why it could not be. */
interface Opened {
  readonly envelope?: Envelope | undefined;
  readonly refusal?: unknown;
}

interface Result {
  readonly status: number;
  readonly body: Uint8Array;
}

const soapType = "application/soap+xml;charset=UTF-8";
const maxAnonymousBody = 4096;
/** A client that takes less cannot take every fault (DSP0226 section 6.2). */
const minEnvelopeSize = 8192;

/**
 * The core of a WS-Management service: takes HTTP requests as values and gives answers as values, holds no socket
 * and no key. Who asks is settled by `Authentication`, what is asked by `Operations`.
 */
export class WsmanServer {
  readonly maxEnvelopeSize: number;
  readonly #options: WsmanServerOptions;
  readonly #connections = new Map<string, Connection>();
  readonly #authentication: Authentication;
  readonly #operations: Operations;
  readonly #answers: Answers;
  readonly #logger: Logger;

  constructor(options: WsmanServerOptions) {
    this.#options = options;
    this.maxEnvelopeSize = options.maxEnvelopeSize ?? 512_000;
    this.#logger = options.logger ?? silentLogger;
    const limits = {
      maxPerSession: options.maxEnumerationsPerSession ?? 16,
      idleTimeout: 60_000,
      maxBatch: 32_000,
    };
    const enumerations = new EnumerationContexts(limits, options.clock ?? systemClock);
    this.#operations = new Operations(options.provider, enumerations);
    this.#answers = new Answers(options.machine, this.#logger);
    this.#authentication = new Authentication(options.broker, this.#logger, (session) => {
      enumerations.releaseSession(session);
    });
  }

  /** Answers one request. Never rejects: what goes wrong is in the answer. Requests of one connection take turns. */
  async handle(request: ServerRequest): Promise<ServerResponse> {
    const connection = this.#connections.get(request.connectionId) ?? { tail: Promise.resolve(), legs: 0 };
    this.#connections.set(request.connectionId, connection);
    const turn = connection.tail.then(async () => await this.#answer(connection, request));
    connection.tail = turn;
    return await turn;
  }

  /** To be called when the TCP connection is gone: ends its security context and its enumerations. */
  async connectionClosed(connectionId: string): Promise<void> {
    const connection = this.#connections.get(connectionId);
    this.#connections.delete(connectionId);
    if (connection === undefined) return;
    await connection.tail;
    await this.#authentication.end(connection);
  }

  async #answer(connection: Connection, request: ServerRequest): Promise<ServerResponse> {
    try {
      if (request.method !== "POST") return emptyResponse(405, { allow: "POST" });
      if (request.path.split("?", 1)[0] !== "/wsman") return emptyResponse(404);
      if (request.body.length > this.maxEnvelopeSize + 4096) return { ...emptyResponse(413), close: true };
      const authorization = headerOf(request, "authorization");
      if (authorization === undefined) return await this.#process(connection, request);
      const signedIn = await this.#authentication.negotiate(connection, request, authorization);
      if (signedIn.answer !== undefined) return signedIn.answer;
      if (request.body.length === 0) return emptyResponse(200, signedIn.value);
      return withHeaders(await this.#process(connection, request), signedIn.value);
    } catch (error) {
      this.#logger.error("wsman.internal", { why: reasonOf(error) });
      return { ...emptyResponse(500), close: true };
    }
  }

  async #process(connection: Connection, request: ServerRequest): Promise<ServerResponse> {
    const contentType = headerOf(request, "content-type");
    const { session, contextId } = connection;
    if (!isEncryptedContentType(contentType)) return await this.#processClear(session, request);
    const opened = await this.#authentication.unseal(connection, request, contentType ?? "");
    if (opened.answer !== undefined) return opened.answer;
    if (session === undefined || contextId === undefined) return unauthorized();
    const { message, protocol } = opened.value;
    const { status, body } = await this.#run(session, this.#open(message), request.signal);
    return await this.#authentication.seal(contextId, protocol, status, body);
  }

  async #processClear(session: string | undefined, request: ServerRequest): Promise<ServerResponse> {
    // Strangers are worth no more parsing than an Identify takes.
    if (session === undefined && request.body.length > maxAnonymousBody) return unauthorized();
    const isPrivate = request.secure || this.#options.allowUnencrypted === true;
    const opened = this.#open(request.body);
    const { envelope } = opened;
    const mayIdentify =
      session !== undefined || headerOf(request, "wsmanidentify")?.toLowerCase() === "unauthenticated";
    if (envelope !== undefined && isIdentify(envelope.body) && mayIdentify) {
      return soap({ status: 200, body: await this.#identify(envelope, session !== undefined && isPrivate) });
    }
    if (session === undefined) return unauthorized();
    if (isPrivate) return soap(await this.#run(session, opened, request.signal));
    const refusal = faultError(
      "accessDenied",
      "the message is not encrypted and the service does not allow that",
    );
    return soap({ status: 403, body: this.#answers.fault(envelope, refusal) });
  }

  #open(message: Uint8Array): Opened {
    try {
      if (message.length > this.maxEnvelopeSize) {
        throw faultError(
          "encodingLimit",
          `the message exceeds MaxEnvelopeSize (${this.maxEnvelopeSize} bytes)`,
        );
      }
      const root = readXml(message, { ...defaultXmlLimits, maxCharacters: this.maxEnvelopeSize });
      return { envelope: readEnvelope(root) };
    } catch (refusal) {
      return { refusal };
    }
  }

  async #run(
    session: string,
    { envelope, refusal }: Opened,
    signal: AbortSignal | undefined,
  ): Promise<Result> {
    if (envelope === undefined) return { status: 500, body: this.#answers.fault(undefined, refusal) };
    try {
      if (isIdentify(envelope.body)) return { status: 200, body: await this.#identify(envelope, true) };
      const longest = this.#options.maxOperationTimeout ?? 60_000;
      const timeout = Math.min(envelope.operationTimeout ?? longest, longest);
      const size = Math.min(envelope.maxEnvelopeSize ?? this.maxEnvelopeSize, this.maxEnvelopeSize);
      if (envelope.maxEnvelopeSize !== undefined && envelope.maxEnvelopeSize < minEnvelopeSize)
        throw faultError("encodingLimit", `MaxEnvelopeSize must be at least ${minEnvelopeSize} bytes`);
      const result = await withDeadline(
        { what: "the operation", timeout, signal },
        async (inner) => await this.#operations.run(session, envelope, size, inner),
      );
      const body = this.#answers.result(envelope, result);
      if (body.length <= size) return { status: 200, body };
      throw faultError("encodingLimit", `the answer exceeds MaxEnvelopeSize (${size} bytes)`);
    } catch (error) {
      return { status: 500, body: this.#answers.fault(envelope, error) };
    }
  }

  async #identify(request: Envelope, known: boolean): Promise<Uint8Array> {
    return this.#answers.identity(request, await this.#options.provider.identify(), known);
  }
}

function soap({ status, body }: Result): ServerResponse {
  return { status, headers: { "content-type": soapType }, body };
}

function withHeaders(response: ServerResponse, headers: Headers): ServerResponse {
  return { ...response, headers: { ...response.headers, ...headers } };
}
