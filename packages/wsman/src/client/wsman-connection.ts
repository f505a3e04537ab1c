import http from "node:http";
import https from "node:https";
import type { SecureContextOptions } from "node:tls";
import { concatBytes, emptyBytes, systemCode, WaybillError, withDeadline } from "@waybill/base";
import { WsmanError } from "../errors.ts";
import {
  checkPlainLength,
  encryptedContentType,
  isEncryptedContentType,
  readEncryptedMessage,
  sealProtocolOf,
  writeEncryptedMessage,
} from "../framing/encrypted-message.ts";
import type { ClientSecurity, InitiatorContext } from "./client-security.ts";

export interface ConnectionOptions {
  readonly host: string;
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
    const what = `the request to ${this.#options.host}`;
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
    const context = await security.createContext(signal);
    let received: Uint8Array | undefined;
    for (let leg = 0; leg < maxLegs; leg += 1) {
      const { token, done } = await context.step(received);
      if (token === undefined) {
        if (!done) this.#refuseAuthentication("the security package gave no token");
        this.#context = context;
        return;
      }
      const authorization = `${security.scheme} ${Buffer.from(token).toString("base64")}`;
      const response = await this.#request(emptyBytes, { authorization }, signal);
      received = answerToken(response.headers["www-authenticate"], security.scheme);
      if (response.status >= 300 && response.status !== 401) this.#refuseStatus(response.status);
      if (received !== undefined) continue;
      if (response.status === 401) {
        this.#refuseAuthentication(`${this.#options.host} refused the caller's identity (HTTP 401)`);
      }
      if (!done) this.#refuseAuthentication(`${this.#options.host} did not prove its identity`);
      this.#context = context;
      return;
    }
    this.#refuseAuthentication(`the negotiation with ${this.#options.host} did not end`);
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
    if (status === 401)
      this.#refuseAuthentication(`${this.#options.host} refused the caller's identity (HTTP 401)`);
    const contentType = response.headers["content-type"];
    if (isEncryptedContentType(contentType) && this.#context !== undefined) {
      const framed = readEncryptedMessage(contentType ?? "", response.body);
      const plain = this.#context.unwrapWithHeader(framed.header, framed.payload);
      checkPlainLength(framed, plain);
      return plain;
    }
    const isSoap = contentType?.includes("application/soap+xml") === true && response.body.length > 0;
    if (!isSoap || (status !== 200 && status !== 500)) this.#refuseStatus(status);
    if (this.#sealing) {
      throw new WsmanError(`${this.#options.host} answered in clear although the message was sealed`, {
        code: "WSMAN_ANSWER_UNSEALED",
        family: "peer",
        httpStatus: status,
        remedy: "Something between the two hosts may be answering instead of the management service.",
      });
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
      const fail = (error: unknown): void => reject(connectionError(host, error));
      const outgoing = start(request, (response) => {
        const parts: Uint8Array[] = [];
        let size = 0;
        response.on("error", fail);
        response.on("data", (part: Buffer) => {
          size += part.length;
          if (size > limit) outgoing.destroy(tooLarge(host, limit));
          else parts.push(part);
        });
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: concatBytes(...parts),
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

  #refuseAuthentication(message: string): never {
    throw new WsmanError(message, {
      code: "WSMAN_AUTHENTICATION_FAILED",
      family: "peer",
      httpStatus: 401,
      facts: { host: this.#options.host },
      remedy:
        "Check that the ticket is for this host (SPN WSMAN/<host>), that clocks agree and that the account may sign in.",
    });
  }

  #refuseStatus(status: number): never {
    if (status === 503) {
      throw new WsmanError(`${this.#options.host} cannot serve requests at the moment (HTTP 503)`, {
        code: "WSMAN_UNAVAILABLE",
        family: "environment",
        httpStatus: status,
        facts: { host: this.#options.host },
        remedy: "Wait a moment; if it stays so, look whether the host's service runs.",
      });
    }
    throw new WsmanError(`${this.#options.host} answered with HTTP status ${status}`, {
      code: "WSMAN_HTTP_STATUS",
      family: "peer",
      httpStatus: status,
      facts: { host: this.#options.host, status },
    });
  }
}

function answerToken(header: string | string[] | undefined, scheme: string): Uint8Array | undefined {
  const text = Array.isArray(header) ? header.join(",") : (header ?? "");
  const token = new RegExp(`(?:^|,)\\s*${scheme}\\s+([A-Za-z0-9+/]+=*)`, "i").exec(text)?.[1];
  return token === undefined ? undefined : new Uint8Array(Buffer.from(token, "base64"));
}

const lossCodes = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED"]);

function isConnectionLoss(error: unknown): boolean {
  return error instanceof WsmanError && error.code === "WSMAN_CONNECTION_LOST";
}

function connectionError(host: string, error: unknown): WaybillError {
  if (error instanceof WaybillError) return error;
  const code = systemCode(error) ?? "UNKNOWN";
  const lost = lossCodes.has(code);
  const message = error instanceof Error ? error.message : String(error);
  return new WsmanError(
    lost ? `the connection to ${host} broke before the answer came` : `cannot reach ${host}: ${message}`,
    {
      code: lost ? "WSMAN_CONNECTION_LOST" : "WSMAN_UNREACHABLE",
      family: "environment",
      facts: { host, system: code },
      cause: error,
      remedy: lost
        ? "Ask the host what became of the operation before repeating it."
        : "Check the name, that the management service listens (port 5985 or 5986) and the firewall.",
    },
  );
}

function tooLarge(host: string, limit: number): WsmanError {
  return new WsmanError(`${host} sent an answer of more than ${limit} bytes`, {
    code: "WSMAN_ANSWER_TOO_LARGE",
    family: "peer",
    facts: { host, limit },
  });
}
