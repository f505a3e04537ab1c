import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { isIPv6 } from "node:net";
import type { Logger } from "@waybill/base";
import { listenError } from "./listen.ts";
import type { ListeningServer, RequestHandler } from "./request-handler.ts";

export interface UdpServerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly handler: RequestHandler;
  /** Longest reply sent over UDP, in octets; 0: no limit. */
  readonly maxReply: number;
  /** What goes out instead of a longer one; absent: the long one. */
  readonly tooBig?: (() => Uint8Array) | undefined;
  readonly log: Logger;
}

/** Kerberos over UDP: RFC 4120 section 7.2.1. One datagram, one answer. */
export async function listenUdp(options: UdpServerOptions): Promise<ListeningServer> {
  const { host, port, handler, maxReply, log } = options;
  const family = isIPv6(host) ? 6 : 4;
  const socket: Socket = createSocket({
    type: `udp${family}`,
    // Datagrams come with literal addresses; the default lookup would take a detour through the thread pool.
    lookup: (address, _options, done) => done(null, address, family),
  });
  socket.on("message", (request: Buffer, from: RemoteInfo) => {
    // A spoofed source port below 1024 other than ours would make this server a mirror between services.
    if (from.port === 0) return;
    let reply = handler.handle(request, { clientAddress: from.address, transport: "udp" });
    if (reply.length === 0) return;
    if (maxReply > 0 && reply.length > maxReply && options.tooBig !== undefined) reply = options.tooBig();
    // Without a callback, which would cost a turn of the event loop: what cannot be sent is lost, as datagrams may be.
    socket.send(reply, from.port, from.address);
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("error", (error) => reject(listenError(error, "UDP", host, port)));
    socket.bind({ address: host, port }, resolve);
  });
  socket.removeAllListeners("error");
  socket.on("error", (error) => log.warn("udp.error", { message: error.message }));
  return {
    address: host,
    port: socket.address().port,
    close: async () => await new Promise((resolve) => socket.close(() => resolve())),
  };
}
