import { type Logger, type RateLimiter, silentLogger } from "@waybill/base";
import type { Kdc } from "../exchanges/kdc.ts";
import type { PasswordService } from "../exchanges/password-change.ts";
import { ConnectionLimits } from "./connection-limits.ts";
import { listenKkdcp } from "./kkdcp-server.ts";
import { limitedHandler } from "./limited-handler.ts";
import type { ListeningServer, RequestHandler } from "./request-handler.ts";
import { listenTcp } from "./tcp-server.ts";
import { listenUdp } from "./udp-server.ts";

/** Longest reply over UDP unless told otherwise: as MIT's krb5kdc. */
export const defaultMaxDatagram = 4096;

export interface KdcServerOptions {
  readonly kdc: Kdc;
  readonly passwords?: PasswordService | undefined;
  /** Address to listen on. Default: 127.0.0.1. */
  readonly host?: string | undefined;
  /** UDP and TCP. Default 88; 0: any free port, the same for both. */
  readonly port?: number | undefined;
  /** UDP and TCP. Default 464; 0: any free port; `undefined` with no `passwords`. */
  readonly kpasswdPort?: number | undefined;
  /** KKDCP; off unless given. */
  readonly kkdcp?:
    | { readonly port: number; readonly tls?: { readonly key: string; readonly cert: string } | undefined }
    | undefined;
  /** Octets of the longest reply over UDP; 0: no limit. */
  readonly maxDatagram?: number | undefined;
  readonly maxConnections?: number | undefined;
  readonly maxConnectionsPerAddress?: number | undefined;
  /** Requests per client address, over all transports; without it there is no limit. */
  readonly limiter?: RateLimiter | undefined;
  /** Milliseconds a TCP connection may be silent. Default: 10 000. */
  readonly idleTimeout?: number | undefined;
  readonly log?: Logger | undefined;
}

/** What listens, and on which ports. */
export interface KdcServer {
  readonly host: string;
  readonly port: number;
  readonly kpasswdPort: number | undefined;
  readonly kkdcpPort: number | undefined;
  readonly limits: ConnectionLimits;
  close(): Promise<void>;
}

const maxRequest = 256 * 1024;

/** Puts a KDC and its password service on sockets. */
export async function startKdcServer(options: KdcServerOptions): Promise<KdcServer> {
  const { kdc, passwords, host = "127.0.0.1", log = silentLogger, limiter } = options;
  const limits = new ConnectionLimits({
    total: options.maxConnections ?? 4096,
    perAddress: options.maxConnectionsPerAddress ?? 512,
  });
  const shared = { host, log, limits, maxRequest, idleTimeout: options.idleTimeout ?? 10_000 };
  const maxReply = options.maxDatagram ?? defaultMaxDatagram;
  const open: ListeningServer[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(open.splice(0).map(async (server) => await server.close()));
  };
  const both = async (port: number, service: RequestHandler, tooBig?: () => Uint8Array): Promise<number> => {
    const handler = limitedHandler(service, limiter);
    for (let tries = 1; ; tries++) {
      const tcp = await listenTcp({ ...shared, port, handler });
      try {
        open.push(await listenUdp({ host, port: tcp.port, handler, maxReply, tooBig, log }));
        open.push(tcp);
        return tcp.port;
      } catch (error) {
        await tcp.close();
        // Any port would do, and this one was free for TCP alone.
        if (port !== 0 || tries === 5) throw error;
      }
    }
  };
  try {
    const port = await both(options.port ?? 88, kdc, () => kdc.responseTooBig());
    const kpasswdPort =
      passwords === undefined ? undefined : await both(options.kpasswdPort ?? 464, passwords);
    const { kkdcp } = options;
    let kkdcpPort: number | undefined;
    if (kkdcp !== undefined) {
      const server = await listenKkdcp({ ...shared, ...kkdcp, kdc, passwords, limiter, realm: kdc.realm });
      open.push(server);
      kkdcpPort = server.port;
    }
    return { host, port, kpasswdPort, kkdcpPort, limits, close };
  } catch (error) {
    await close();
    throw error;
  }
}
