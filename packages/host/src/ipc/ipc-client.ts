import { createConnection, type Socket } from "node:net";
import { withDeadline } from "@waybill/base";
import { HostError } from "../errors.ts";
import { fromFailure, type IpcCall, type IpcReply } from "./calls.ts";
import { maxAnswer, maxRequest, receiveMessages, sendMessage } from "./frames.ts";

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** The listener's end of the local socket. Connects on the first call, and again after the service restarted. */
export class IpcClient {
  readonly #path: string;
  readonly #waiting = new Map<number, Waiting>();
  #socket: Promise<Socket> | undefined;
  #lastId = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** @throws HostError as the service reported it, or `SERVICE_UNREACHABLE`. */
  async call(
    call: IpcCall,
    parameters: Readonly<Record<string, unknown>>,
    options: { readonly timeout: number; readonly signal?: AbortSignal | undefined },
  ): Promise<unknown> {
    const id = ++this.#lastId;
    try {
      return await withDeadline({ what: `the service's answer to "${call}"`, ...options }, async () => {
        const socket = await this.#connected();
        return await new Promise((resolve, reject) => {
          this.#waiting.set(id, { resolve, reject });
          sendMessage(socket, { id, call, parameters }, maxRequest);
        });
      });
    } finally {
      this.#waiting.delete(id);
    }
  }

  close(): void {
    void this.#socket?.then((socket) => socket.destroy()).catch(() => {});
  }

  #connected(): Promise<Socket> {
    this.#socket ??= new Promise<Socket>((resolve, reject) => {
      const socket = createConnection(this.#path);
      socket.once("connect", () => resolve(socket));
      socket.on("error", (cause) => reject(unreachable(this.#path, cause)));
      socket.on("close", () => this.#lost());
      receiveMessages(socket, maxAnswer, (message) => this.#answer(message as IpcReply));
    });
    return this.#socket;
  }

  #answer(reply: IpcReply): void {
    const waiting = this.#waiting.get(reply.id);
    if (reply.error !== undefined) waiting?.reject(fromFailure(reply.error));
    else waiting?.resolve(reply.result);
  }

  #lost(): void {
    this.#socket = undefined;
    for (const { reject } of this.#waiting.values()) reject(unreachable(this.#path, undefined));
    this.#waiting.clear();
  }
}

function unreachable(path: string, cause: unknown): HostError {
  return new HostError("the host service does not answer on its local socket", {
    code: "SERVICE_UNREACHABLE",
    family: "environment",
    remedy: `Check that the host service runs (systemctl status waybill-host) and owns ${path}.`,
    cause,
  });
}
