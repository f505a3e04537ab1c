import { rmSync } from "node:fs";
import {
  type Clock,
  type Logger,
  RateLimiter,
  type RateLimiterOptions,
  silentLogger,
  systemClock,
} from "@waybill/base";
import { DirectoryLdapBackend, EmbeddedDirectory, type LdapIdentity } from "@waybill/directory";
import { MemoryReplayCache } from "@waybill/kerberos";
import { acceptKerberos, LdapServer } from "@waybill/ldap";
import { accountStateOf, passwordsOf } from "../exchanges/account-writers.ts";
import { Kdc } from "../exchanges/kdc.ts";
import type { KdcEvent, KdcSettings } from "../exchanges/kdc-context.ts";
import { PasswordService } from "../exchanges/password-change.ts";
import { controllerAccount, controllerCertificate, controllerPaths } from "./controller-state.ts";
import { exportKeytab } from "./export-keytab.ts";
import { type KdcServer, type KdcServerOptions, startKdcServer } from "./kdc-server.ts";
import { KdcMetrics, listenMetrics } from "./metrics.ts";
import type { ListeningServer } from "./request-handler.ts";

/** Ports; 0: any free one, `undefined`: the usual one, `false`: not served. */
export interface ControllerPorts {
  readonly kdc?: number | false | undefined;
  readonly kpasswd?: number | undefined;
  readonly ldap?: number | false | undefined;
  readonly ldaps?: number | false | undefined;
  /** KKDCP over HTTPS. Off unless given. */
  readonly kkdcp?: number | false | undefined;
  /** Prometheus metrics. Off unless given. */
  readonly metrics?: number | false | undefined;
}

export interface DomainControllerOptions
  extends Pick<
    KdcServerOptions,
    "maxDatagram" | "maxConnections" | "maxConnectionsPerAddress" | "idleTimeout"
  > {
  /** The state directory, made by `createControllerState`. */
  readonly state: string;
  /** Address to listen on. Default: 127.0.0.1. */
  readonly host?: string | undefined;
  readonly ports?: ControllerPorts | undefined;
  /** The LDAP server's Unix socket in the state directory. Default: true. */
  readonly ldapi?: boolean | undefined;
  readonly settings?: Partial<KdcSettings> | undefined;
  /**
   * Requests per client address, over Kerberos, password changes and LDAP together; `false`: no limit. Default:
   * `defaultRequestRate`. The machine itself is never limited unless `exempt` says so.
   */
  readonly requestRate?: Pick<RateLimiterOptions, "perSecond" | "burst" | "exempt"> | false | undefined;
  readonly clock?: Clock | undefined;
  readonly log?: Logger | undefined;
  readonly onEvent?: ((event: KdcEvent) => void) | undefined;
  /** Text of the metrics page; this process's own unless workers have theirs. */
  readonly readMetrics?: (() => Promise<string>) | undefined;
}

/** Far above what a machine with many people on it asks for, far below what one process can answer. */
export const defaultRequestRate = { perSecond: 500, burst: 1500 } as const;

/** A KDC, its password service and an LDAP server over one state directory. */
export class DomainController {
  readonly directory: EmbeddedDirectory;
  readonly kdc: Kdc;
  readonly passwords: PasswordService;
  readonly metrics: KdcMetrics;
  readonly host: string;
  readonly dnsHostName: string;
  /** PEM of the authority that signed the controller's certificate. */
  readonly ca: string;
  readonly ldapiPath: string;
  kdcServer: KdcServer | undefined;
  ldapPort: number | undefined;
  ldapsPort: number | undefined;
  metricsPort: number | undefined;
  readonly #options: DomainControllerOptions;
  readonly #ldap: LdapServer<LdapIdentity>;
  readonly #limiter: RateLimiter | undefined;
  readonly #tls: { readonly key: string; readonly cert: string };
  #metricsServer: ListeningServer | undefined;

  private constructor(options: DomainControllerOptions) {
    const { clock = systemClock, log = silentLogger, state, host = "127.0.0.1" } = options;
    const paths = controllerPaths(state);
    this.#options = options;
    this.host = host;
    this.directory = EmbeddedDirectory.open(paths.directory, { clock });
    const { directory } = this;
    const account = controllerAccount(directory);
    this.dnsHostName = account.dnsHostName ?? `${account.samAccountName}.${directory.domain.dnsName}`;
    // Tools given an address instead of a name ask for a ticket to the address.
    const byAddress = `ldap/${host}`;
    if (directory.spnOwners(byAddress).accounts.length === 0) directory.addSpn(account.sid, byAddress);
    const certificate = controllerCertificate(
      paths.tls,
      [this.dnsHostName, directory.domain.dnsName, host],
      clock,
    );
    this.ca = certificate.ca;
    this.#tls = { key: certificate.key, cert: certificate.cert };
    this.ldapiPath = paths.ldapi;
    const { requestRate = defaultRequestRate } = options;
    this.#limiter =
      requestRate === false
        ? undefined
        : new RateLimiter({
            ...requestRate,
            clock,
            onLimited: (clientAddress, requests) =>
              log.warn("dc.limited", { reason: "too-many-requests", clientAddress, requests }),
          });
    this.metrics = new KdcMetrics({
      open_connections: () => this.kdcServer?.limits.open ?? 0,
      shed_connections: () => this.kdcServer?.limits.shed ?? 0,
      limited_requests: () => this.#limiter?.limited ?? 0,
    });
    const onEvent = (event: KdcEvent): void => {
      this.metrics.count(event);
      options.onEvent?.(event);
    };
    this.kdc = new Kdc({
      directory,
      clock,
      log,
      settings: options.settings,
      accountState: accountStateOf(directory),
      serverName: account.samAccountName.replace(/\$$/, ""),
      onEvent,
    });
    this.passwords = new PasswordService({
      kdc: this.kdc,
      passwords: passwordsOf(directory, clock),
      onEvent,
    });
    this.#ldap = new LdapServer({
      backend: new DirectoryLdapBackend({ directory, dnsHostName: this.dnsHostName, clock }),
      tls: this.#tls,
      accept: acceptKerberos({
        // Read anew for every bind: the controller's password may change while it runs.
        keytab: {
          get entries() {
            return exportKeytab(directory, account.sid).entries;
          },
        },
        replayCache: new MemoryReplayCache(),
        clock,
      }),
      ...(options.maxConnectionsPerAddress === undefined
        ? {}
        : { limits: { maxConnectionsPerPeer: options.maxConnectionsPerAddress } }),
      limiter: this.#limiter,
      logger: log,
    });
  }

  /** Opens the state directory and starts to listen. @throws DirectoryError NO_DOMAIN, WaybillError LISTEN_FAILED */
  static async start(options: DomainControllerOptions): Promise<DomainController> {
    const controller = new DomainController(options);
    try {
      await controller.#listen();
      return controller;
    } catch (error) {
      await controller.stop();
      throw error;
    }
  }

  /** Lets requests under way finish, then closes everything. */
  async stop(): Promise<void> {
    await Promise.all([this.kdcServer?.close(), this.#ldap.stop(), this.#metricsServer?.close()]);
    if (this.#options.ldapi !== false) rmSync(this.ldapiPath, { force: true });
    await this.directory.close();
  }

  async #listen(): Promise<void> {
    const { host } = this;
    const { ports = {}, log = silentLogger } = this.#options;
    if (ports.kdc !== false) {
      this.kdcServer = await startKdcServer({
        ...this.#options,
        kdc: this.kdc,
        passwords: this.passwords,
        limiter: this.#limiter,
        host,
        port: ports.kdc ?? 88,
        kpasswdPort: ports.kpasswd ?? 464,
        kkdcp: typeof ports.kkdcp === "number" ? { port: ports.kkdcp, tls: this.#tls } : undefined,
        log,
      });
    }
    if (ports.ldap !== false) this.ldapPort = await this.#ldap.listen({ host, port: ports.ldap ?? 389 });
    if (ports.ldaps !== false) {
      this.ldapsPort = await this.#ldap.listen({ host, port: ports.ldaps ?? 636, tls: true });
    }
    if (this.#options.ldapi !== false) {
      // Left over from a controller that was killed; two controllers on one state cannot both listen on the ports.
      rmSync(this.ldapiPath, { force: true });
      await this.#ldap.listen({ path: this.ldapiPath });
    }
    if (typeof ports.metrics === "number") {
      const read = this.#options.readMetrics ?? (async () => await this.metrics.registry.metrics());
      this.#metricsServer = await listenMetrics({ host, port: ports.metrics, read, log });
      this.metricsPort = this.#metricsServer.port;
    }
  }
}
