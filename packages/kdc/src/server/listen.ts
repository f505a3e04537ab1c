import type { Server } from "node:net";
import { type Logger, systemCode, WaybillError } from "@waybill/base";
import type { ListeningServer } from "./request-handler.ts";

export interface ListenOptions {
  /** What the service is called in messages and, in lower case, in the log. */
  readonly service: string;
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly log: Logger;
  /** Lets go of the connections, so that closing does not wait for them. */
  readonly closeConnections: () => void;
}

/** Has a server of connections listen. @throws WaybillError LISTEN_FAILED */
export async function listen(server: Server, options: ListenOptions): Promise<ListeningServer> {
  const { service, host, port, log, closeConnections } = options;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(listenError(error, service, host, port)));
    server.listen({ host, port }, resolve);
  });
  server.removeAllListeners("error");
  server.on("error", (error) => log.warn(`${service.toLowerCase()}.error`, { message: error.message }));
  const bound = server.address();
  return {
    address: host,
    port: typeof bound === "object" && bound !== null ? bound.port : port,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      closeConnections();
      await closed;
    },
  };
}

/** A service could not get its address and port. */
export function listenError(cause: unknown, service: string, host: string, port: number): WaybillError {
  const why = systemCode(cause) ?? "UNKNOWN";
  const remedy =
    why === "EACCES"
      ? "Ports below 1024 need root or the capability CAP_NET_BIND_SERVICE."
      : why === "EADDRINUSE"
        ? "Something else listens there: stop it or choose another address."
        : "Check that the address belongs to this machine.";
  return new WaybillError(`cannot listen for ${service} on ${host} port ${port}: ${why}`, {
    code: "LISTEN_FAILED",
    family: "environment",
    facts: { service, host, port, why },
    remedy,
    cause,
  });
}
