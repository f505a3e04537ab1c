import http from "node:http";
import https from "node:https";
import type { Socket } from "node:net";
import { type SecureContextOptions, TLSSocket } from "node:tls";
import { concatBytes, emptyBytes, withDeadline } from "@waybill/base";
import { type ChannelBindings, tlsServerEndPointOf } from "@waybill/kerberos";
import {
  checkPlainLength,
  encryptedContentType,
  isEncryptedContentType,
  readEncryptedMessage,
  sealProtocolOf,
  writeEncryptedMessage,
} from "../framing/encrypted-message.ts";
import type { ClientSecurity, InitiatorContext } from "./client-security.ts";
import {
  answerTooLarge,
  answerUnsealed,
  authenticationFailed,
  connectionError,
  httpRefused,
  isConnectionLoss,
  refusedIdentity,
} from "./connection-errors.ts";

export interface ConnectionOptions {
  /** Where to connect: a name or an address. */
  readonly host: string;
  /** The host's name as messages and errors should say it, when `host` is an address. */
  readonly name?: string | undefined;
  /** 5985, or 5986 with TLS. */
  readonly port?: number | undefined;
  readonly path?: string | undefined;
  /** TLS settings; over TLS messages are not sealed a second time. */
  readonly tls?:
    | (SecureContextOptions & { readonly servername?: string; readonly rejectUnauthorized?: boolean })
    | undefined;
  /** Without it only an anonymous Identify can be asked. */
  readonly security?: ClientSecurity | undefined;
  /** Send bodies in clear over plain HTTP. Off, and to be left off outside of tests. */
  readonly allowUnencrypted?: boolean | undefined;
  /** Bytes of the largest answer accepted. */
  readonly maxResponseSize?: number | undefined;
}

export interface ExchangeOptions {
  /** Milliseconds for the whole exchange, authentication included. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
  /** Whether the request may be sent again when the connection broke before an answer came. */
  readonly repeatable: boolean;
}

export interface ExchangeResult {
  readonly status: number;
  readonly body: Uint8Array;
}

interface RawResponse {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Uint8Array;
  readonly socket: Socket;
}

/** The legs an authentication may take before it is given up. */
const maxLegs = 6;

/**
 * One HTTP connection with one security context (MS-WSMV 3.1.4.1: authentication holds for the connection).
 * Requests go one after another; a lost connection is authenticated again with a new context, and the request is
 * repeated only where repeating it changes nothing.
 */
export class WsmanConnection {
  readonly #options: ConnectionOptions;
  #agent: http.Agent | undefined;
  #context: InitiatorContext | undefined;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** Sends one SOAP message and gives back the answer's plaintext. */
  async exchange(message: Uint8Array, options: ExchangeOptions): Promise<ExchangeResult> {
    const what = `the request to ${this.#name}`;
    return await withDeadline({ what, timeout: options.timeout, signal: options.signal }, async (signal) => {
      const turn = this.#tail.then(
        async () => await this.#exchangeInTurn(message, options.repeatable, signal),
      );
      this.#tail = turn.catch(() => {});
      return await turn;
    });
  }

  close(): void {
    this.#drop();
  }

  get #name(): string {
    return this.#options.name ?? this.#options.host;
  }

  async #exchangeInTurn(
    message: Uint8Array,
    repeatable: boolean,
    signal: AbortSignal,
  ): Promise<ExchangeResult> {
    signal.throwIfAborted();
    for (let attempt = 0; ; attempt += 1) {
      const reused = this.#context !== undefined;
      try {
        if (this.#options.security !== undefined && this.#context === undefined)
          await this.#authenticate(signal);
        const response = await this.#send(message, signal);
        if (response.status === 401 && reused && attempt === 0) {
          this.#drop();
          continue;
        }
        return { status: response.status, body: this.#open(response) };
      } catch (error) {
        this.#drop();
        if (reused && attempt === 0 && repeatable && !signal.aborted && isConnectionLoss(error)) continue;
        throw error;
      }
    }
  }

  async #authenticate(signal: AbortSignal): Promise<void> {
    const security = this.#options.security;
    if (security === undefined) return;
    this.#drop();
    const context = await security.createContext(signal, await this.#channel(signal));
    let received: Uint8Array | undefined;
    for (let leg = 0; leg < maxLegs; leg += 1) {
      const { token, done } = await context.step(received);
      if (token === undefined) {
        if (!done) throw authenticationFailed(this.#name, "the security package gave no token");
        this.#context = context;
        return;
      }
      const authorization = `${security.scheme} ${Buffer.from(token).toString("base64")}`;
      const response = await this.#request(emptyBytes, { authorization }, signal);
      received = answerToken(response.headers["www-authenticate"], security.scheme);
      if (response.status >= 300 && response.status !== 401) throw httpRefused(this.#name, response.status);
      if (received !== undefined) continue;
      if (response.status === 401) {
        throw refusedIdentity(this.#name);
      }
      if (!done) throw authenticationFailed(this.#name, `${this.#name} did not prove its identity`);
      this.#context = context;
      return;
    }
    throw authenticationFailed(this.#name, `the negotiation with ${this.#name} did not end`);
  }

  /**
   * The TLS connection by its server's certificate (`tls-server-end-point`): who breaks the connection up cannot use what
   * is sent over it. It stands once a first request is answered, with 401.
   */
  async #channel(signal: AbortSignal): Promise<ChannelBindings | undefined> {
    if (this.#options.tls === undefined) return undefined;
    const { socket } = await this.#request(emptyBytes, {}, signal);
    const certificate: unknown = socket instanceof TLSSocket ? socket.getPeerCertificate().raw : undefined;
    return certificate instanceof Uint8Array ? tlsServerEndPointOf(certificate) : undefined;
  }

  async #send(message: Uint8Array, signal: AbortSignal): Promise<RawResponse> {
    const { security } = this.#options;
    if (!this.#sealing || this.#context === undefined || security === undefined) {
      return await this.#request(message, { "content-type": "application/soap+xml;charset=UTF-8" }, signal);
    }
    const protocol = sealProtocolOf(security.scheme);
    const framed = writeEncryptedMessage({
      protocol,
      length: message.length,
      ...this.#context.wrapWithHeader(message),
    });
    return await this.#request(framed, { "content-type": encryptedContentType(protocol) }, signal);
  }

  get #sealing(): boolean {
    const { tls, allowUnencrypted, security } = this.#options;
    return security !== undefined && tls === undefined && allowUnencrypted !== true;
  }

  #open(response: RawResponse): Uint8Array {
    const { status } = response;
    if (status === 401) throw refusedIdentity(this.#name);
    const contentType = response.headers["content-type"];
    if (isEncryptedContentType(contentType) && this.#context !== undefined) {
      const framed = readEncryptedMessage(contentType ?? "", response.body);
      const plain = this.#context.unwrapWithHeader(framed.header, framed.payload);
      checkPlainLength(framed, plain);
      return plain;
    }
    const isSoap = contentType?.includes("application/soap+xml") === true && response.body.length > 0;
    if (!isSoap || (status !== 200 && status !== 500)) throw httpRefused(this.#name, status);
    if (this.#sealing) {
      throw answerUnsealed(this.#name, status);
    }
    return response.body;
  }

  async #request(
    body: Uint8Array,
    headers: http.OutgoingHttpHeaders,
    signal: AbortSignal,
  ): Promise<RawResponse> {
    const { host, tls, path } = this.#options;
    const limit = this.#options.maxResponseSize ?? 8 * 1024 * 1024;
    const request: http.RequestOptions = {
      host,
      port: this.#options.port ?? (tls === undefined ? 5985 : 5986),
      path: path ?? "/wsman",
      method: "POST",
      agent: this.#openAgent(),
      signal,
      headers: {
        ...headers,
        "content-length": body.length,
        connection: "Keep-Alive",
        "user-agent": "Waybill",
      },
    };
    const start = tls === undefined ? http.request : https.request;
    return await new Promise<RawResponse>((resolve, reject) => {
      const fail = (error: unknown): void => reject(connectionError(this.#name, error));
      const outgoing = start(request, (response) => {
        const parts: Uint8Array[] = [];
        let size = 0;
        const { socket } = response;
        response.on("error", fail);
        response.on("data", (part: Buffer) => {
          size += part.length;
          if (size > limit) outgoing.destroy(answerTooLarge(this.#name, limit));
          else parts.push(part);
        });
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: concatBytes(...parts),
            socket,
          }),
        );
      });
      outgoing.on("error", fail);
      outgoing.end(body);
    });
  }

  #openAgent(): http.Agent {
    if (this.#agent === undefined) {
      const common = { keepAlive: true, maxSockets: 1, maxFreeSockets: 1 };
      const { tls } = this.#options;
      this.#agent = tls === undefined ? new http.Agent(common) : new https.Agent({ ...tls, ...common });
    }
    return this.#agent;
  }

  #drop(): void {
    this.#agent?.destroy();
    this.#agent = undefined;
    this.#context = undefined;
  }
}

function answerToken(header: string | string[] | undefined, scheme: string): Uint8Array | undefined {
  const text = Array.isArray(header) ? header.join(",") : (header ?? "");
  const token = new RegExp(`(?:^|,)\\s*${scheme}\\s+([A-Za-z0-9+/]+=*)`, "i").exec(text)?.[1];
  return token === undefined ? undefined : new Uint8Array(Buffer.from(token, "base64"));
}
