import type { HyperVHost } from "@waybill/hyperv";
import { HostError } from "../errors.ts";
import type { IpcCall } from "../ipc/calls.ts";
import type { IpcHandler } from "../ipc/ipc-server.ts";
import { operate } from "./operate.ts";
import type { Session, SessionBroker } from "./session-broker.ts";

/** The service's answers to its listener. */
export class ServiceIpc implements IpcHandler {
  readonly #broker: SessionBroker;
  readonly #host: HyperVHost;
  readonly #admit: (session: Session) => void;

  /** @param admit makes a session known to the host for the length of one operation. */
  constructor(broker: SessionBroker, host: HyperVHost, admit: (session: Session) => void) {
    this.#broker = broker;
    this.#host = host;
    this.#admit = admit;
  }

  async handle(peer: object, call: IpcCall, parameters: Readonly<Record<string, unknown>>): Promise<unknown> {
    const connection = text(parameters.connection);
    switch (call) {
      case "accept":
        return this.#broker.accept(peer, connection, bytes(parameters.token), channel(parameters.channel));
      case "unseal":
        return this.#broker.unseal(peer, connection, bytes(parameters.header), bytes(parameters.payload));
      case "seal":
        return this.#broker.seal(peer, connection, bytes(parameters.plain));
      case "close":
        return this.#broker.close(peer, connection);
      case "operate": {
        const session = this.#broker.session(peer, text(parameters.session));
        this.#admit(session);
        return await operate(this.#host, { session: session.id }, parameters.operation, parameters.args);
      }
    }
  }

  disconnected(peer: object): void {
    this.#broker.closeAll(peer);
  }
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** Application data of RFC 5929's bindings: a prefix and a hash. */
function channel(value: unknown): Uint8Array | undefined {
  if (value === undefined) return undefined;
  const data = bytes(value);
  if (data.length <= 128) return data;
  throw new HostError("the listener sent what is no name of a TLS connection", {
    code: "IPC_MALFORMED",
    family: "peer",
  });
}

function bytes(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw new HostError("the listener sent no bytes where some belong", {
    code: "IPC_MALFORMED",
    family: "peer",
  });
}
