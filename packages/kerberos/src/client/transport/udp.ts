import { createSocket, type Socket } from "node:dgram";
import { isIPv6 } from "node:net";

/** One attempt to get an answer. `cancel` ends it; its promise then stays open for ever. */
export interface Attempt {
  readonly answer: Promise<Uint8Array>;
  cancel(): void;
}

/**
 * Connected sockets that have carried exactly one request and its one answer: the next exchange with the same KDC
 * may use them. A socket that was cancelled might still receive an old answer, and is closed instead.
 */
const idle = new Map<string, Socket[]>();
const maxIdlePerKdc = 4;

/** Sends one datagram and waits for one back: RFC 4120 section 7.2.1. */
export function udpExchange(host: string, port: number, request: Uint8Array): Attempt {
  const kdc = `${host} ${port}`;
  const reused = takeIdle(kdc);
  const socket = reused ?? createSocket(isIPv6(host) ? "udp6" : "udp4");
  let open = true;
  const answer = new Promise<Uint8Array>((resolve, reject) => {
    socket.on("error", (error) => {
      if (!open) return;
      open = false;
      socket.close();
      reject(error);
    });
    socket.once("message", (message: Uint8Array) => {
      if (!open) return;
      open = false;
      keepIdle(kdc, socket);
      resolve(message);
    });
    if (reused === undefined) {
      socket.connect(port, host, () => {
        if (open) socket.send(request);
      });
    } else {
      socket.ref();
      socket.send(request);
    }
  });
  const cancel = (): void => {
    if (!open) return;
    open = false;
    socket.close();
  };
  return { answer, cancel };
}

function takeIdle(kdc: string): Socket | undefined {
  const socket = idle.get(kdc)?.pop();
  socket?.removeAllListeners("message").removeAllListeners("error");
  return socket;
}

function keepIdle(kdc: string, socket: Socket): void {
  const sockets = idle.get(kdc) ?? [];
  socket.removeAllListeners("message").removeAllListeners("error");
  if (sockets.length >= maxIdlePerKdc) {
    socket.close();
    return;
  }
  const discard = (): void => {
    const at = sockets.indexOf(socket);
    if (at >= 0) sockets.splice(at, 1);
    socket.removeAllListeners("message").removeAllListeners("error");
    socket.on("error", () => {});
    socket.close();
  };
  // Whatever arrives without having been asked for makes the socket unfit for reuse.
  socket.once("message", discard);
  socket.once("error", discard);
  // An idle socket must not keep the process alive.
  socket.unref();
  sockets.push(socket);
  idle.set(kdc, sockets);
}
