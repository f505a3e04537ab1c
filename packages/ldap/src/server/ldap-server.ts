import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { createSecureContext, TLSSocket } from "node:tls";
import { type Logger, type RateLimiter, silentLogger, sleep } from "@waybill/base";
import { LdapConnectionError } from "../errors.ts";
import type { SecurityContext, SecurityHandshake } from "../sasl/security-context.ts";
import type { AcceptRequest } from "./authenticator.ts";
import type { LdapBackend } from "./backend.ts";
import { ClientConnection } from "./client-connection.ts";
import { defaultLimits, type LdapServerLimits } from "./limits.ts";

export interface LdapServerOptions<Identity, Context extends SecurityContext = SecurityContext> {
  readonly backend: LdapBackend<Identity, Context>;
  /** The certificate for ldaps and StartTLS, PEM; without one, passwords are taken on Unix sockets only. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  /** Begins the server's half of a security context; without it there is no SASL. */
  readonly accept?: ((request: AcceptRequest) => SecurityHandshake<Context>) | undefined;
  /** Refuse SASL binds in the clear that neither sign nor seal, as AD does today; true unless told. */
  readonly requireSigning?: boolean;
  readonly limits?: Partial<LdapServerLimits>;
  /** Requests and connections per client address: whoever is over it is read more slowly. Unix sockets do not count. */
  readonly limiter?: RateLimiter | undefined;
  readonly logger?: Logger;
}

/** Where to listen. */
export type LdapListen =
  | { readonly host: string; readonly port: number; readonly tls?: boolean }
  /** A Unix socket, open to its owner only. */
  | { readonly path: string };

const sweepInterval = 1000;
const defaultGrace = 5000;

/**
 * An LDAP server over a backend.
 *
 * @example
 * const server = new LdapServer({ backend, tls: { cert, key } });
 * await server.listen({ host: "127.0.0.1", port: 389 });
 * await server.listen({ host: "127.0.0.1", port: 636, tls: true });
 * await server.stop();
 */
export class LdapServer<Identity, Context extends SecurityContext = SecurityContext> {
  readonly #options: LdapServerOptions<Identity, Context>;
  readonly #limits: LdapServerLimits;
  readonly #logger: Logger;
  readonly #secureContext: ReturnType<typeof createSecureContext> | undefined;
  readonly #listeners: Server[] = [];
  readonly #connections = new Set<ClientConnection<Identity, Context>>();
  readonly #handshaking = new Set<Socket>();
  readonly #perPeer = new Map<string, number>();
  readonly #sweep: NodeJS.Timeout;
  #lastId = 0;
  #stopping = false;

  constructor(options: LdapServerOptions<Identity, Context>) {
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#logger = options.logger ?? silentLogger;
    this.#secureContext = options.tls === undefined ? undefined : makeSecureContext(options.tls);
    this.#sweep = setInterval(() => this.#checkTimeouts(), sweepInterval);
    this.#sweep.unref();
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Starts to listen; returns the port, which matters when 0 was asked for. @throws LdapConnectionError */
  async listen(where: LdapListen): Promise<number> {
    const secure = "port" in where && where.tls === true;
    if (secure && this.#secureContext === undefined) {
      throw new LdapConnectionError("LDAP_USAGE", "listening for ldaps needs a certificate");
    }
    const listener = createServer({ noDelay: true, keepAlive: true }, (socket) =>
      this.#accept(socket, secure, "path" in where),
    );
    await new Promise<void>((resolve, reject) => {
      listener.once("error", (cause) => {
        reject(new LdapConnectionError("LDAP_CONNECT_FAILED", `cannot listen: ${cause.message}`, { cause }));
      });
      if ("path" in where)
        listener.listen({ path: where.path, readableAll: false, writableAll: false }, resolve);
      else listener.listen({ host: where.host, port: where.port }, resolve);
    });
    listener.on("error", (error) => this.#logger.error("ldap.listener", { message: error.message }));
    this.#listeners.push(listener);
    const address = listener.address();
    return isInet(address) ? address.port : 0;
  }

  /** Takes no new connection or request, lets operations finish for `grace` milliseconds, says goodbye, closes. */
  async stop(grace: number = defaultGrace): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#sweep);
    const closed = this.#listeners.map(
      (listener) => new Promise<void>((resolve) => listener.close(() => resolve())),
    );
    for (const socket of this.#handshaking) socket.destroy();
    const finished = Promise.all([...this.#connections].map((connection) => connection.finish()));
    const patience = new AbortController();
    await Promise.race([finished, sleep(grace, patience.signal).catch(() => {})]);
    patience.abort();
    for (const connection of this.#connections)
      connection.disconnect("unavailable", "the server is stopping");
    await Promise.all(closed);
  }

  #accept(socket: Socket, secure: boolean, local: boolean): void {
    const address = local ? "local" : (socket.remoteAddress ?? "");
    socket.on("error", () => {});
    const held = this.#perPeer.get(address) ?? 0;
    const tooMany = !local && (held >= this.#limits.maxConnectionsPerPeer || this.#isLimited(address));
    if (this.#stopping || tooMany || !this.#makeRoom()) {
      this.#logger.debug("ldap.shed", { peer: address });
      socket.destroy();
      return;
    }
    this.#perPeer.set(address, held + 1);
    socket.once("close", () => {
      const left = (this.#perPeer.get(address) ?? 1) - 1;
      if (left === 0) this.#perPeer.delete(address);
      else this.#perPeer.set(address, left);
    });
    const peer = local ? "local" : `${address}:${socket.remotePort ?? 0}`;
    const about = { peer, local, address };
    if (!secure) {
      this.#serve(socket, about);
      return;
    }
    this.#startTls(socket).then(
      (tls) => this.#serve(tls, about),
      (error: unknown) =>
        this.#logger.debug("ldap.tls", { peer, message: error instanceof Error ? error.message : "" }),
    );
  }

  /** A connection costs as much as a request. */
  #isLimited(address: string): boolean {
    return this.#options.limiter?.admit(address) === false;
  }

  /** Below the limit, or somebody idle had to go: anonymous connections first, then the longest idle. */
  #makeRoom(): boolean {
    if (this.#connections.size + this.#handshaking.size < this.#limits.maxConnections) return true;
    let victim: ClientConnection<Identity, Context> | undefined;
    for (const candidate of this.#connections) {
      if (candidate.idleSince === undefined) continue;
      if (victim === undefined || shedBefore(candidate, victim)) victim = candidate;
    }
    if (victim === undefined) return false;
    this.#logger.debug("ldap.shed", { connection: victim.id, peer: victim.peer });
    victim.disconnect("busy", "too many connections");
    return true;
  }

  #serve(
    socket: Duplex,
    about: { readonly peer: string; readonly local: boolean; readonly address: string },
  ): void {
    if (this.#stopping || socket.destroyed) {
      socket.destroy();
      return;
    }
    const { backend, accept, requireSigning = true, limiter } = this.#options;
    const { peer, local, address } = about;
    const connection = new ClientConnection(
      socket,
      { id: ++this.#lastId, peer, local },
      {
        backend,
        accept,
        requireSigning,
        limits: this.#limits,
        logger: this.#logger,
        startTls: this.#secureContext === undefined ? undefined : (raw) => this.#startTls(raw),
        delay: local || limiter === undefined ? undefined : () => limiter.delay(address),
        onClosed: () => this.#connections.delete(connection),
      },
    );
    this.#connections.add(connection);
    this.#logger.debug("ldap.connected", { connection: connection.id, peer });
  }

  async #startTls(raw: Duplex): Promise<TLSSocket> {
    const secureContext = this.#secureContext;
    if (secureContext === undefined) throw new LdapConnectionError("LDAP_USAGE", "no certificate");
    const socket = raw as Socket;
    this.#handshaking.add(socket);
    const tls = new TLSSocket(socket, { isServer: true, secureContext });
    try {
      return await new Promise<TLSSocket>((resolve, reject) => {
        const fail = (message: string): void => {
          clearTimeout(timer);
          tls.on("error", () => {});
          tls.destroy();
          socket.destroy();
          reject(new LdapConnectionError("LDAP_TLS_FAILED", `the TLS handshake failed: ${message}`));
        };
        const onError = (error: Error): void => fail(error.message);
        const onClose = (): void => fail("the client closed the connection");
        const timer = setTimeout(() => fail("it took too long"), this.#limits.anonymousIdleTimeout);
        tls.once("error", onError);
        tls.once("_tlsError", onError);
        tls.once("close", onClose);
        tls.once("secure", () => {
          clearTimeout(timer);
          tls.off("error", onError);
          tls.off("_tlsError", onError);
          tls.off("close", onClose);
          resolve(tls);
        });
      });
    } finally {
      this.#handshaking.delete(socket);
    }
  }

  #checkTimeouts(): void {
    const now = Date.now();
    for (const connection of this.#connections) connection.checkTimeouts(now);
  }
}

function shedBefore<Identity, Context extends SecurityContext>(
  left: ClientConnection<Identity, Context>,
  right: ClientConnection<Identity, Context>,
): boolean {
  if (left.anonymous !== right.anonymous) return left.anonymous;
  return (left.idleSince ?? 0) < (right.idleSince ?? 0);
}

function makeSecureContext(tls: { cert: string; key: string }): ReturnType<typeof createSecureContext> {
  try {
    return createSecureContext({ cert: tls.cert, key: tls.key, minVersion: "TLSv1.2" });
  } catch (cause) {
    throw new LdapConnectionError("LDAP_TLS_FAILED", "the server's certificate or key cannot be used", {
      cause,
    });
  }
}

function isInet(address: AddressInfo | string | null): address is AddressInfo {
  return typeof address === "object" && address !== null;
}
