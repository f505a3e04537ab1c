import { chmodSync, chownSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import type { Logger } from "@waybill/base";
import { type IpcCall, type IpcReply, isRequest, toFailure } from "./calls.ts";
import { maxAnswer, maxRequest, receiveMessages, sendMessage } from "./frames.ts";

/** Answers the listener's calls. `peer` tells one listener's connection from another's. */
export interface IpcHandler {
  handle(peer: object, call: IpcCall, parameters: Readonly<Record<string, unknown>>): Promise<unknown>;
  /** The listener behind `peer` is gone, and all its connections with it. */
  disconnected(peer: object): void;
}

/** The service's end of the local socket. */
export class IpcServer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(handler: IpcHandler, logger: Logger) {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on("error", (error) => logger.warn("ipc-broken", { reason: error.message }));
      socket.on("close", () => {
        this.#sockets.delete(socket);
        handler.disconnected(socket);
      });
      receiveMessages(socket, maxRequest, (message) => {
        if (!isRequest(message)) {
          logger.warn("ipc-refused", { reason: "a call that is not on the list" });
          socket.destroy();
          return;
        }
        const { id, call, parameters } = message;
        handler.handle(socket, call, parameters).then(
          (result) => answer(socket, { id, result }),
          (error: unknown) => {
            const failure = toFailure(error);
            if (failure.code === "INTERNAL_ERROR") logger.error("ipc-call-failed", { call, error });
            answer(socket, { id, error: failure });
          },
        );
      });
    });
  }

  /** @param user who may connect: the owner alone unless given. */
  async listen(path: string, user?: { readonly uid: number; readonly gid: number }): Promise<void> {
    rmSync(path, { force: true });
    // Nobody may slip in between the socket's making and its permissions.
    const mask = process.umask(0o177);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#server.once("error", reject);
        this.#server.listen(path, resolve);
      });
    } finally {
      process.umask(mask);
    }
    if (user !== undefined) chownSync(path, user.uid, user.gid);
    chmodSync(path, 0o600);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

function answer(socket: Socket, reply: IpcReply): void {
  if (socket.destroyed) return;
  try {
    sendMessage(socket, reply, maxAnswer);
  } catch (error) {
    // One answer that does not fit is no reason to break up everybody's connections.
    sendMessage(socket, { id: reply.id, error: toFailure(error) }, maxAnswer);
  }
}
