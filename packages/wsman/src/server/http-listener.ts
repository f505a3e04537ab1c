import { randomUUID } from "node:crypto";
import http from "node:http";
import https from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { type SecureContextOptions, TLSSocket } from "node:tls";
import { concatBytes, systemCode } from "@waybill/base";
import { tlsServerEndPointOf } from "@waybill/kerberos";
import { WsmanError } from "../errors.ts";
import type { ServerRequest, ServerResponse } from "./http-message.ts";
import type { WsmanServer } from "./wsman-server.ts";

export interface ListenerOptions {
  readonly server: WsmanServer;
  readonly host?: string | undefined;
  /** 5985, or 5986 with TLS; 0 takes a free one. */
  readonly port?: number | undefined;
  readonly tls?: SecureContextOptions | undefined;
  readonly maxConnections?: number | undefined;
  /** Milliseconds a request's headers and body may take to arrive. Default 30000. */
  readonly requestTimeout?: number | undefined;
  /** Milliseconds a connection may be idle. Default 120000. */
  readonly idleTimeout?: number | undefined;
}

export interface HttpListener {
  readonly host: string;
  readonly port: number;
  /** Open connections. */
  readonly connections: number;
  /** Stops listening, ends all connections and waits for them. */
  close(): Promise<void>;
}

/**
 * Binds a `WsmanServer` to HTTP. It parses HTTP and nothing else: bounded bodies, bounded waits, one id per
 * connection.
 *
 * @throws WsmanError `WSMAN_LISTEN_FAILED` when the address cannot be bound.
 */
export async function listenHttp(options: ListenerOptions): Promise<HttpListener> {
  const { server, tls } = options;
  const identities = new WeakMap<Socket, Pick<ServerRequest, "connectionId" | "channel">>();
  const sockets = new Set<Socket>();
  const limit = server.maxEnvelopeSize + 8192;

  const handle = (request: http.IncomingMessage, response: http.ServerResponse): void => {
    const identity = identities.get(request.socket) ?? { connectionId: "" };
    const gone = new AbortController();
    response.on("close", () => {
      if (!response.writableFinished) gone.abort();
    });
    const answer = async (): Promise<void> => {
      const body = await readBody(request, limit);
      if (body === undefined) {
        send(response, { status: 413, headers: {}, body: new Uint8Array(0), close: true });
        return;
      }
      // A connection that is gone already must not be remembered anew.
      if (request.socket.destroyed) return;
      const result = await server.handle({
        ...identity,
        method: request.method ?? "",
        path: request.url ?? "",
        headers: request.headers,
        body,
        secure: tls !== undefined,
        signal: gone.signal,
      });
      send(response, result);
    };
    answer().catch(() => request.socket.destroy());
  };

  const bounds = {
    requestTimeout: options.requestTimeout ?? 30_000,
    headersTimeout: options.requestTimeout ?? 30_000,
    keepAliveTimeout: options.idleTimeout ?? 120_000,
    // Kerberos tickets of people in many groups come as one long header line.
    maxHeaderSize: 128 * 1024,
  };
  const listener =
    tls === undefined ? http.createServer(bounds, handle) : https.createServer({ ...bounds, ...tls }, handle);
  listener.maxConnections = options.maxConnections ?? 512;
  listener.on(tls === undefined ? "connection" : "secureConnection", (socket: Socket) => {
    const id = randomUUID();
    identities.set(socket, { connectionId: id, channel: channelOf(socket) });
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => {
      sockets.delete(socket);
      void server.connectionClosed(id);
    });
  });
  listener.on("clientError", (_error, socket) => {
    if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    else socket.destroy();
  });
  const address = await listen(listener, options);
  return {
    host: address.address,
    port: address.port,
    get connections() {
      return sockets.size;
    },
    close: async () => {
      const closed = new Promise<void>((resolve) => {
        listener.close(() => resolve());
      });
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** As clients name this connection that bind themselves to it. */
function channelOf(socket: Socket): Uint8Array | undefined {
  const certificate = socket instanceof TLSSocket ? socket.getCertificate() : null;
  const raw: unknown = certificate !== null && "raw" in certificate ? certificate.raw : undefined;
  return raw instanceof Uint8Array ? tlsServerEndPointOf(raw).applicationData : undefined;
}

async function listen(listener: http.Server, options: ListenerOptions): Promise<AddressInfo> {
  const port = options.port ?? (options.tls === undefined ? 5985 : 5986);
  const { host } = options;
  return await new Promise<AddressInfo>((resolve, reject) => {
    listener.once("error", (error) => {
      reject(
        new WsmanError(`cannot listen on ${host ?? "*"} port ${port}: ${error.message}`, {
          code: "WSMAN_LISTEN_FAILED",
          family: "environment",
          facts: { host: host ?? "*", port, system: systemCode(error) ?? "UNKNOWN" },
          cause: error,
          remedy: "Check which program holds the port, and whether this one may bind it.",
        }),
      );
    });
    listener.listen(port, host, () => {
      const address = listener.address();
      if (address !== null && typeof address === "object") resolve(address);
    });
  });
}

async function readBody(request: http.IncomingMessage, limit: number): Promise<Uint8Array | undefined> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of request) {
    const bytes: Uint8Array = part;
    size += bytes.length;
    if (size > limit) return undefined;
    parts.push(bytes);
  }
  return concatBytes(...parts);
}

function send(response: http.ServerResponse, answer: ServerResponse): void {
  for (const [name, value] of Object.entries(answer.headers)) response.setHeader(name, value);
  response.setHeader("server", "Waybill");
  response.setHeader("content-length", answer.body.length);
  if (answer.close === true) response.setHeader("connection", "close");
  response.writeHead(answer.status);
  response.end(answer.body);
}
