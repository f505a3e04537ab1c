import { Asn1Error } from "@waybill/asn1";
import { type Clock, type Logger, type Random, silentLogger, systemClock, systemRandom } from "@waybill/base";
import { defaultEncTypes } from "../crypto/index.ts";
import { KerberosError } from "../errors.ts";
import type { Ticket } from "../messages/ticket.ts";
import { isTicketGrantingService, type Principal } from "../principal.ts";
import { KdcOptions } from "../registry/flags.ts";
import { asExchange } from "./as-exchange.ts";
import type { LoginSecret } from "./client-keys.ts";
import { ExchangeContext } from "./context.ts";
import { type Credential, ticketFingerprint } from "./credential.ts";
import { type Exchange, type KdcTransport, runExchange } from "./exchange.ts";
import { explainRenewal } from "./explain-ticket.ts";
import { kpasswdExchange, passwordService } from "./kpasswd-exchange.ts";
import type { LoginRequest } from "./login-request.ts";
import { type S4u2ProxyRequest, s4u2proxyExchange } from "./s4u2proxy.ts";
import { type S4u2SelfRequest, s4u2selfExchange } from "./s4u2self.ts";
import { shown } from "./shown.ts";
import { tgsExchange } from "./tgs-exchange.ts";
import { inherited, ticketExchange } from "./tgs-path.ts";
import { TicketCache, type TicketCacheKey } from "./ticket-cache.ts";
import { trace } from "./trace.ts";

/** What a client needs, `transport` alone, and what can be injected into it. */
export interface KerberosClientOptions {
  readonly transport: KdcTransport;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  readonly log?: Logger | undefined;
  /** Encryption types to ask for and accept. Default: AES only. */
  readonly etypes?: readonly number[] | undefined;
  /** Milliseconds one call may take, however many KDCs and realms are asked. Default: 15 000. */
  readonly timeout?: number | undefined;
  /** The realms between two realms (`[capaths]`), both ends left out. */
  readonly path?: ((from: string, to: string) => readonly string[] | undefined) | undefined;
  /** How many referrals to follow. Default: 10. */
  readonly maxReferrals?: number | undefined;
  /** Where tickets are kept. Default: a cache of this client's own. */
  readonly cache?: TicketCache | undefined;
}

/** Options of every call. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds this call may take. Default: the client's. */
  readonly timeout?: number | undefined;
}

/** Options of calls whose tickets are cached. */
export interface TicketCallOptions extends CallOptions {
  /** Ask the KDC even when there is a ticket in the cache. */
  readonly fresh?: boolean | undefined;
}

/** Which service ticket to get, with which login. */
export interface TicketRequest {
  /** A ticket-granting ticket. */
  readonly tgt: Credential;
  /** The service. With the realm "" the KDC of the ticket finds it. */
  readonly server: Principal;
  readonly etypes?: readonly number[] | undefined;
  /** Default: whatever the ticket-granting ticket is. */
  readonly forwardable?: boolean | undefined;
  /** User-to-user: the server's own ticket-granting ticket, in whose session key the ticket is made. */
  readonly userToUser?: Ticket | undefined;
}

/** Whose login to make a forwarded copy of. */
export interface ForwardRequest {
  readonly tgt: Credential;
}

/** Whose password becomes what, and the old secret that entitles to it. */
export interface PasswordChangeRequest extends LoginSecret {
  readonly principal: Principal;
  readonly newPassword: string;
  /** Whose password to set, with the rights of `principal`. Default: the principal changes its own. */
  readonly target?: Principal | undefined;
}

/** Tickets that end within this time are as good as ended: clocks differ, and using them takes a moment. */
const endMargin = 60_000;

/**
 * A Kerberos client: logs in, gets tickets, acts for users, changes passwords. Holds no identity itself: every call
 * says with which credential it is made, so one client serves many identities and never mixes their tickets.
 *
 * Every failure of a KDC is a `KerberosError` with the KDC's code; refusals are explained in `explanation`.
 *
 * @example
 * const client = new KerberosClient({ transport: new NetworkTransport({ locator }) });
 * const tgt = await client.login({ principal: parsePrincipal("alice@LAB.TEST"), password });
 * const ticket = await client.getTicket({ tgt, server: parsePrincipal("HTTP/www.lab.test@LAB.TEST") });
 */
export class KerberosClient {
  readonly context: ExchangeContext;
  readonly cache: TicketCache;
  readonly #transport: KdcTransport;
  readonly #timeout: number;

  constructor(options: KerberosClientOptions) {
    this.#transport = options.transport;
    this.#timeout = options.timeout ?? 15_000;
    this.cache = options.cache ?? new TicketCache();
    this.context = new ExchangeContext({
      clock: options.clock ?? systemClock,
      random: options.random ?? systemRandom,
      log: options.log ?? silentLogger,
      etypes: options.etypes ?? defaultEncTypes,
      maxReferrals: options.maxReferrals ?? 10,
      path: options.path ?? (() => undefined),
    });
  }

  /** Logs in: the AS exchange. RFC 4120 section 3.1. The result is never cached: it is the caller's identity. */
  async login(request: LoginRequest, options: CallOptions = {}): Promise<Credential> {
    return await this.#run(asExchange(this.context, request), options);
  }

  /** A ticket to a service, across realms if need be: RFC 4120 section 3.3, RFC 6806 section 8. */
  async getTicket(request: TicketRequest, options: TicketCallOptions = {}): Promise<Credential> {
    const { tgt, server, etypes, forwardable, userToUser } = request;
    let kdcOptions = inherited(tgt) | KdcOptions.canonicalize;
    if (forwardable === false) kdcOptions &= ~KdcOptions.forwardable;
    if (userToUser !== undefined) kdcOptions |= KdcOptions.encTktInSkey;
    const variant = `ticket ${kdcOptions} ${userToUser === undefined ? "" : ticketFingerprint(userToUser)}`;
    const key = { tgt, target: server, etypes: etypes ?? this.context.etypes, variant };
    return await this.#cached(key, options, () =>
      ticketExchange(this.context, tgt, server, {
        etypes,
        kdcOptions,
        additionalTickets: userToUser && [userToUser],
      }),
    );
  }

  /** A ticket to the service itself in a user's name: MS-SFU section 3.1.5.1. */
  async s4u2self(request: S4u2SelfRequest, options: TicketCallOptions = {}): Promise<Credential> {
    const { tgt, user, etypes, server, padata = "both", forwardable = true } = request;
    const variant = `s4u2self ${padata} ${forwardable}`;
    const target = server ?? tgt.client;
    const key = { tgt, subject: user, target, etypes: etypes ?? this.context.etypes, variant };
    return await this.#cached(key, options, () => s4u2selfExchange(this.context, request));
  }

  /** A ticket to another service in a user's name: MS-SFU section 3.1.5.2. */
  async s4u2proxy(request: S4u2ProxyRequest, options: TicketCallOptions = {}): Promise<Credential> {
    const { tgt, evidence, target, etypes, resourceBased = true } = request;
    const variant = `s4u2proxy ${resourceBased}`;
    const subject = evidence.client;
    const key = { tgt, subject, evidence, target, etypes: etypes ?? this.context.etypes, variant };
    return await this.#cached(key, options, () => s4u2proxyExchange(this.context, request));
  }

  /** The same ticket with a new life: RFC 4120 section 2.3. */
  async renew(credential: Credential, options: CallOptions = {}): Promise<Credential> {
    const kdcOptions = KdcOptions.renew | (credential.flags & KdcOptions.forwardable) | KdcOptions.renewable;
    const { server, renewTill } = credential;
    const realm = isTicketGrantingService(server) ? undefined : server.realm;
    const exchange = tgsExchange(this.context, {
      tgt: credential,
      server,
      realm,
      kdcOptions,
      till: renewTill ?? credential.endTime,
      origin: credential.origin,
      what: `renewing the ticket of ${shown(credential.client)} to ${shown(server)}`,
      explain: explainRenewal(credential),
    });
    return await this.#run(exchange, options);
  }

  /** A ticket-granting ticket to hand to a service (unconstrained delegation): RFC 4120 section 2.8. */
  async forward({ tgt }: ForwardRequest, options: CallOptions = {}): Promise<Credential> {
    const kdcOptions = KdcOptions.forwarded | KdcOptions.forwardable;
    return await this.#run(tgsExchange(this.context, { tgt, server: tgt.server, kdcOptions }), options);
  }

  /** Changes the principal's password, or sets another's: RFC 3244. */
  async changePassword(request: PasswordChangeRequest, options: CallOptions = {}): Promise<void> {
    const { principal, newPassword, target, ...secret } = request;
    const server = passwordService(principal.realm);
    const context = this.context;
    function* exchange(): Exchange<void> {
      const login = { ...secret, principal, server, forwardable: false, lifetime: 300_000 };
      const credential = yield* asExchange(context, login);
      yield* kpasswdExchange(context, { credential, newPassword, target });
    }
    await this.#run(exchange(), options);
  }

  async #cached(
    key: TicketCacheKey,
    options: TicketCallOptions,
    exchange: () => Exchange<Credential>,
  ): Promise<Credential> {
    if (!options.fresh) {
      const found = this.cache.get(key, this.context.now(key.target.realm) + endMargin);
      if (found !== undefined) {
        trace.cached(this.context.log, found);
        return found;
      }
    }
    const credential = await this.#run(exchange(), options);
    this.cache.set(key, credential);
    return credential;
  }

  async #run<T>(exchange: Exchange<T>, { signal, timeout }: CallOptions): Promise<T> {
    // Transports wait in real time, whatever clock the exchange goes by.
    const deadline = Date.now() + (timeout ?? this.#timeout);
    try {
      return await runExchange(exchange, this.#transport, { deadline, signal });
    } catch (error) {
      throw error instanceof Asn1Error ? malformed(error) : error;
    }
  }
}

function malformed(cause: Asn1Error): KerberosError {
  return new KerberosError(`the KDC's reply cannot be read: ${cause.message}`, {
    code: "KDC_REPLY_MALFORMED",
    remedy: "Check that the address really is a KDC of the realm.",
    cause,
  });
}
