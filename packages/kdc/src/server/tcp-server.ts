import { createServer, type Socket } from "node:net";
import type { Logger } from "@waybill/base";
import type { ConnectionLimits } from "./connection-limits.ts";
import { listen } from "./listen.ts";
import type { ListeningServer, RequestHandler } from "./request-handler.ts";

export interface TcpServerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly handler: RequestHandler;
  readonly limits: ConnectionLimits;
  /** A connection without a whole request for this long is closed, in milliseconds. */
  readonly idleTimeout: number;
  /** Longest request, in octets. */
  readonly maxRequest: number;
  readonly log: Logger;
}

const headerLength = 4;

/** Kerberos over TCP: RFC 4120 section 7.2.2. Every message comes with its length in four octets before it. */
export async function listenTcp(options: TcpServerOptions): Promise<ListeningServer> {
  const { host, port, log, limits } = options;
  const server = createServer({ noDelay: true }, (socket) => serve(socket, options));
  return await listen(server, { service: "TCP", host, port, log, closeConnections: () => limits.closeAll() });
}

function serve(socket: Socket, options: TcpServerOptions): void {
  const { handler, limits, idleTimeout, maxRequest } = options;
  const clientAddress = socket.remoteAddress ?? "unknown";
  let pending: Buffer | undefined;
  limits.add(socket, clientAddress);
  const timer = setTimeout(() => socket.destroy(), idleTimeout);
  socket.on("close", () => {
    clearTimeout(timer);
    limits.remove(socket);
  });
  // A reset by the peer is no event worth more than the close that follows.
  socket.on("error", () => {});
  socket.on("data", (chunk: Buffer) => {
    let data = pending === undefined ? chunk : Buffer.concat([pending, chunk]);
    while (data.length >= headerLength) {
      const length = data.readUInt32BE(0);
      if (length === 0 || length > maxRequest) return void socket.destroy();
      const end = headerLength + length;
      if (data.length < end) break;
      const reply = handler.handle(data.subarray(headerLength, end), { clientAddress, transport: "tcp" });
      if (reply.length === 0) return void socket.destroy();
      const framed = Buffer.allocUnsafe(headerLength + reply.length);
      framed.writeUInt32BE(reply.length, 0);
      framed.set(reply, headerLength);
      socket.write(framed);
      data = data.subarray(end);
      timer.refresh();
      limits.touch(socket);
      // Somebody who asks without reading the answers does not get to fill our memory.
      if (socket.writableLength > maxRequest * 4) return void socket.destroy();
    }
    pending = data.length === 0 ? undefined : data;
  });
}
