import { randomUUID } from "node:crypto";
import { type Logger, WaybillError } from "@waybill/base";
import {
  checkPlainLength,
  encryptedContentType,
  type HttpAuthScheme,
  readEncryptedMessage,
  type SealProtocol,
  writeEncryptedMessage,
} from "../framing/encrypted-message.ts";
import {
  emptyResponse,
  type ServerRequest,
  type ServerResponse,
  unauthorized,
  unavailable,
} from "./http-message.ts";
import type { NegotiateBroker, NegotiateResult } from "./negotiate-broker.ts";

/** A TCP connection and the security context that belongs to it. */
export interface Connection {
  /** The end of the queue of its requests. */
  tail: Promise<unknown>;
  contextId?: string | undefined;
  session?: string | undefined;
  legs: number;
}

export type Headers = Readonly<Record<string, string>>;

/** Either the answer that ends the matter, or what came of it. */
export type Outcome<T> =
  | { readonly answer: ServerResponse }
  | { readonly answer?: undefined; readonly value: T };

const maxLegs = 6;

/**
 * Authentication of connections through the broker (MS-WSMV 3.1.4.1: it holds for the connection).
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
export class Authentication {
  readonly #broker: NegotiateBroker;
  readonly #logger: Logger;
  readonly #sessionEnded: (session: string) => void;

  constructor(broker: NegotiateBroker, logger: Logger, sessionEnded: (session: string) => void) {
    this.#broker = broker;
    this.#logger = logger;
    this.#sessionEnded = sessionEnded;
  }

  /** One leg. The value is the headers to answer with once the session is established. */
  async negotiate(
    connection: Connection,
    request: ServerRequest,
    authorization: string,
  ): Promise<Outcome<Headers>> {
    const match = /^(Negotiate|Kerberos)\s+([A-Za-z0-9+/]{1,90000}={0,2})\s*$/i.exec(authorization);
    if (match === null) return { answer: unauthorized() };
    const scheme: HttpAuthScheme = match[1]?.toLowerCase() === "kerberos" ? "Kerberos" : "Negotiate";
    if (connection.session !== undefined) await this.end(connection);
    connection.contextId ??= randomUUID();
    connection.legs += 1;
    if (connection.legs > maxLegs) {
      await this.end(connection);
      return { answer: { ...unauthorized(), close: true } };
    }
    const token = new Uint8Array(Buffer.from(match[2] ?? "", "base64"));
    const result = await this.#accept(connection.contextId, token, request);
    if (result === undefined || result.refused === true) await this.end(connection);
    if (result === undefined) return { answer: unavailable() };
    const answer =
      result.token === undefined ? undefined : `${scheme} ${Buffer.from(result.token).toString("base64")}`;
    if (!result.established || result.session === undefined) {
      const more = answer === undefined ? unauthorized() : emptyResponse(401, { "www-authenticate": answer });
      return { answer: more };
    }
    connection.session = result.session;
    connection.legs = 0;
    return { value: answer === undefined ? {} : { "www-authenticate": answer } };
  }

  /** Undefined when the broker is out of reach, which is no word about the caller. */
  async #accept(
    contextId: string,
    token: Uint8Array,
    { connectionId: connection, channel }: ServerRequest,
  ): Promise<NegotiateResult | undefined> {
    try {
      return await this.#broker.accept(contextId, token, channel);
    } catch (error) {
      this.#logger.warn("wsman.authentication-refused", { connection, why: reasonOf(error) });
      if (isEnvironment(error)) return undefined;
      return { established: false, refused: true, token: refusalToken(error) };
    }
  }

  /** Opens a sealed body. One that does not open ends the context: nobody gets to try twice. */
  async unseal(
    connection: Connection,
    request: ServerRequest,
    contentType: string,
  ): Promise<Outcome<{ readonly message: Uint8Array; readonly protocol: SealProtocol }>> {
    const { contextId, session } = connection;
    if (contextId === undefined || session === undefined) return { answer: unauthorized() };
    try {
      const framed = readEncryptedMessage(contentType, request.body);
      const message = await this.#broker.unseal(contextId, framed.header, framed.payload);
      checkPlainLength(framed, message);
      return { value: { message, protocol: framed.protocol } };
    } catch (error) {
      this.#logger.warn("wsman.unseal-refused", { connection: request.connectionId, why: reasonOf(error) });
      await this.end(connection);
      if (isEnvironment(error)) return { answer: unavailable() };
      // A broker that was restarted knows nobody: the caller is to sign in again, not to be thrown out.
      const forgotten = error instanceof WaybillError && error.code === "SESSION_UNKNOWN";
      return { answer: forgotten ? unauthorized() : { ...emptyResponse(400), close: true } };
    }
  }

  /** Seals an answer with the context its request came by. */
  async seal(
    contextId: string,
    protocol: SealProtocol,
    status: number,
    plain: Uint8Array,
  ): Promise<ServerResponse> {
    const sealed = await this.#broker.seal(contextId, plain);
    return {
      status,
      headers: { "content-type": encryptedContentType(protocol) },
      body: writeEncryptedMessage({ protocol, length: plain.length, ...sealed }),
    };
  }

  async end(connection: Connection): Promise<void> {
    const { contextId, session } = connection;
    connection.contextId = undefined;
    connection.session = undefined;
    connection.legs = 0;
    if (session !== undefined) this.#sessionEnded(session);
    if (contextId === undefined) return;
    try {
      await this.#broker.close(contextId);
    } catch (error) {
      this.#logger.warn("wsman.broker-close-failed", { why: reasonOf(error) });
    }
  }
}

function isEnvironment(error: unknown): boolean {
  return error instanceof WaybillError && error.family === "environment";
}

/** What a security package wants its peer to know about a refusal: a KRB-ERROR, for example about clocks. */
function refusalToken(error: unknown): Uint8Array | undefined {
  if (typeof error !== "object" || error === null || !("token" in error)) return undefined;
  return error.token instanceof Uint8Array ? error.token : undefined;
}

/** An error for the log: the code of ours, the message of others. */
export function reasonOf(error: unknown): string {
  if (error instanceof WaybillError) return error.code;
  return error instanceof Error ? error.message : "something that is no error";
}
