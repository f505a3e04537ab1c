import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { Logger, RateLimiter } from "@waybill/base";
import { KdcProxyMessage } from "@waybill/kerberos";
import type { ConnectionLimits } from "./connection-limits.ts";
import { listen } from "./listen.ts";
import type { ListeningServer, RequestHandler } from "./request-handler.ts";

export interface KkdcpServerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly kdc: RequestHandler;
  /** Where password changes go; without it they are refused. */
  readonly passwords?: RequestHandler | undefined;
  /** The realm served: messages for others are refused. */
  readonly realm: string;
  /** PEM. Without it the server speaks plain HTTP, for a reverse proxy in front. */
  readonly tls?: { readonly key: string; readonly cert: string } | undefined;
  readonly limits: ConnectionLimits;
  /** Requests per client address; without it there is no limit. */
  readonly limiter?: RateLimiter | undefined;
  readonly idleTimeout: number;
  readonly maxRequest: number;
  readonly log: Logger;
}

/** The KDC proxy protocol, MS-KKDCP: Kerberos through HTTPS, for clients outside the network. */
export async function listenKkdcp(options: KkdcpServerOptions): Promise<ListeningServer> {
  const { host, port, tls, limits, log } = options;
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    serve(request, response, options);
  };
  const server = tls === undefined ? createHttpServer(onRequest) : createHttpsServer(tls, onRequest);
  server.requestTimeout = options.idleTimeout;
  server.headersTimeout = options.idleTimeout;
  server.keepAliveTimeout = options.idleTimeout;
  server.on("connection", (socket) => {
    limits.add(socket, socket.remoteAddress ?? "unknown");
    socket.on("close", () => limits.remove(socket));
  });
  server.on("clientError", (_error, socket) => socket.destroy());
  return await listen(server, {
    service: "KKDCP",
    host,
    port,
    log,
    closeConnections: () => server.closeAllConnections(),
  });
}

function serve(request: IncomingMessage, response: ServerResponse, options: KkdcpServerOptions): void {
  const path = (request.url ?? "").split("?")[0]?.toLowerCase();
  const refused =
    path !== "/kdcproxy" && path !== "/kdcproxy/" ? 404 : request.method !== "POST" ? 405 : undefined;
  if (refused !== undefined) {
    refuse(response, refused);
    return;
  }
  const chunks: Buffer[] = [];
  let size = 0;
  request.on("data", (chunk: Buffer) => {
    size += chunk.length;
    if (size > options.maxRequest) {
      refuse(response, 413);
      request.destroy();
    } else chunks.push(chunk);
  });
  request.on("error", () => response.destroy());
  request.on("end", () => {
    if (response.writableEnded) return;
    const clientAddress = request.socket.remoteAddress ?? "unknown";
    options.limits.touch(request.socket);
    if (options.limiter?.admit(clientAddress) === false) {
      refuse(response, 429);
      return;
    }
    const reply = answer(Buffer.concat(chunks), clientAddress, options);
    if (reply === undefined) {
      refuse(response, 400);
      return;
    }
    response.writeHead(200, { "content-type": "application/kerberos", "content-length": reply.length });
    response.end(reply);
  });
}

function answer(body: Buffer, clientAddress: string, options: KkdcpServerOptions): Uint8Array | undefined {
  const message = decode(body);
  if (message === undefined) return undefined;
  const { kerbMessage, targetDomain } = message;
  if (targetDomain !== undefined && targetDomain.toLowerCase() !== options.realm.toLowerCase())
    return undefined;
  const view = Buffer.from(kerbMessage.buffer, kerbMessage.byteOffset, kerbMessage.byteLength);
  if (view.length < 5 || view.readUInt32BE(0) !== view.length - 4) return undefined;
  const inner = view.subarray(4);
  // A kpasswd frame begins with its own length, which cannot look like a KDC request's tag and long form.
  const isKdcRequest = inner[0] === 0x6a || inner[0] === 0x6c;
  const handler = isKdcRequest ? options.kdc : options.passwords;
  const reply = handler?.handle(inner, { clientAddress, transport: "https" });
  if (reply === undefined || reply.length === 0) return undefined;
  const framed = new Uint8Array(4 + reply.length);
  new DataView(framed.buffer).setUint32(0, reply.length);
  framed.set(reply, 4);
  return KdcProxyMessage.encode({ kerbMessage: framed });
}

function decode(body: Buffer): KdcProxyMessage | undefined {
  try {
    return KdcProxyMessage.decode(body);
  } catch {
    return undefined;
  }
}

function refuse(response: ServerResponse, status: number): void {
  if (response.headersSent) return;
  response.writeHead(status, { connection: "close", "content-length": 0 });
  response.end();
}
