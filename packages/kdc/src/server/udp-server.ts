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
  readonly onDropped?: ((reason: string) => void) | undefined;
}

// Datagrams come with literal addresses; the default lookup would take a detour through the thread pool.
function literalLookup(
  host: string,
  _options: unknown,
  done: (error: Error | null, address: string, family: number) => void,
): void {
  done(null, host, isIPv6(host) ? 6 : 4);
}

/** Kerberos over UDP: RFC 4120 section 7.2.1. One datagram, one answer. */
export async function listenUdp(options: UdpServerOptions): Promise<ListeningServer> {
  const { host, port, handler, maxReply, log } = options;
  const socket: Socket = createSocket({ type: isIPv6(host) ? "udp6" : "udp4", lookup: literalLookup });
  const dropped = options.onDropped ?? ((): void => {});
  const sent = (error: Error | null): void => {
    if (error !== null) dropped("send-failed");
  };
  socket.on("message", (request: Buffer, from: RemoteInfo) => {
    // A spoofed source port below 1024 other than ours would make this server a mirror between services.
    if (from.port === 0) return dropped("source-port");
    let reply = handler.handle(request, { clientAddress: from.address, transport: "udp" });
    if (reply.length === 0) return dropped("no-answer");
    if (maxReply > 0 && reply.length > maxReply && options.tooBig !== undefined) reply = options.tooBig();
    socket.send(reply, from.port, from.address, sent);
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
