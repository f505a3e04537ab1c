import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import { errorToJson, type Logger, utf8 } from "@waybill/base";
import { type LdapConnectionError, LdapError } from "../errors.ts";
import { MessageChannel } from "../message-channel.ts";
import type {
  BindRequest,
  Control,
  ExtendedRequest,
  LdapMessage,
  LdapResult,
} from "../messages/ldap-message.ts";
import { ExtensionOid } from "../registry/oids.ts";
import { ResultCode } from "../registry/result-codes.ts";
import type { SecurityContext, SecurityHandshake } from "../sasl/security-context.ts";
import { type AcceptRequest, Authenticator, type BindOutcome, replyOf } from "./authenticator.ts";
import type { LdapBackend, LdapSession } from "./backend.ts";
import { bindRequired } from "./bind-errors.ts";
import type { LdapServerLimits } from "./limits.ts";
import { logBind, logOperation } from "./operation-log.ts";
import { PagedSearches } from "./paged-searches.ts";
import { readControls } from "./request-context.ts";
import {
  answer,
  isRootDse,
  type OperationRequest,
  refusal,
  runUpdate,
  success,
  toResult,
} from "./requests.ts";
import { readRootDse } from "./root-dse.ts";
import { runSearch } from "./run-search.ts";

/** What a connection needs of its server. */
export interface ConnectionServices<Identity, Context extends SecurityContext> {
  readonly backend: LdapBackend<Identity, Context>;
  readonly limits: LdapServerLimits;
  readonly logger: Logger;
  readonly requireSigning: boolean;
  readonly accept: ((request: AcceptRequest) => SecurityHandshake<Context>) | undefined;
  /** The server's half of a TLS handshake; `undefined` without a certificate. */
  readonly startTls: ((socket: Duplex) => Promise<TLSSocket>) | undefined;
  onClosed(): void;
}

/** Reasons an operation's signal fires with. */
const abandoned = new LdapError({ resultCode: "canceled", diagnosticMessage: "abandoned" });
const timeUp = new LdapError({ resultCode: "timeLimitExceeded" });

/**
 * One client: reads its requests, runs them over the backend, answers.
 *
 * ```mermaid
 * stateDiagram-v2
 *   [*] --> serving: connected
 *   serving --> exclusive: bind or StartTLS, what is under way is given up
 *   exclusive --> serving: answered
 *   serving --> full: maxOperations under way
 *   full --> serving: one of them is answered
 *   serving --> [*]: unbind, lost, shed, stopped
 * ```
 *
 * Only `serving` reads from the socket.
 */
export class ClientConnection<Identity, Context extends SecurityContext> {
  readonly id: number;
  readonly peer: string;
  readonly #services: ConnectionServices<Identity, Context>;
  readonly #local: boolean;
  readonly #channel: MessageChannel;
  readonly #authenticator: Authenticator<Identity, Context>;
  readonly #running = new Map<number, AbortController>();
  readonly #paged: PagedSearches;
  #session: LdapSession<Identity>;
  #layer: "none" | "integrity" | "confidential" = "none";
  #exclusive = false;
  #stopping = false;
  #closed = false;
  #lastActive = Date.now();
  #stalledSince: number | undefined;
  #settledWaiters: (() => void)[] = [];

  constructor(
    socket: Duplex,
    about: { readonly id: number; readonly peer: string; readonly local: boolean },
    services: ConnectionServices<Identity, Context>,
  ) {
    this.id = about.id;
    this.peer = about.peer;
    this.#local = about.local;
    this.#services = services;
    this.#authenticator = new Authenticator(services);
    this.#paged = new PagedSearches(services.limits.maxPagedSearches);
    this.#session = this.#makeSession(undefined, socket);
    this.#channel = new MessageChannel(socket, services.limits.maxAnonymousMessageSize, {
      onMessage: (message) => this.#receive(message),
      onEnd: (error) => this.#lost(error),
    });
  }

  get anonymous(): boolean {
    return this.#session.identity === undefined;
  }

  /** When the client was last heard or served, for choosing whom to shed; `undefined` while it is busy. */
  get idleSince(): number | undefined {
    return this.#running.size > 0 || this.#exclusive ? undefined : this.#lastActive;
  }

  /** Called now and then: closes a connection that is silent, or takes nothing, for too long. */
  checkTimeouts(now: number): void {
    const { limits, logger } = this.#services;
    if (this.#stalledSince !== undefined && now - this.#stalledSince > limits.writeTimeout) {
      logger.info("ldap.stalled", { connection: this.id, peer: this.peer });
      this.close();
      return;
    }
    const allowed = this.anonymous ? limits.anonymousIdleTimeout : limits.idleTimeout;
    if (this.idleSince !== undefined && now - this.idleSince > allowed) {
      this.disconnect("unavailable", "idle for too long");
    }
  }

  /** Says why (notice of disconnection, RFC 4511 section 4.4.1) and closes. */
  disconnect(reason: "unavailable" | "busy" | "protocolError", text: string): void {
    if (this.#closed) return;
    const resultCode = ResultCode[reason];
    const responseName = ExtensionOid.noticeOfDisconnection;
    const value = { resultCode, matchedDN: "", diagnosticMessage: text, responseName };
    this.#channel.end({ messageID: 0, protocolOp: { kind: "extendedResp", value } });
    this.#cleanUp();
  }

  /** Closes at once. */
  close(): void {
    this.#channel.destroy();
    this.#cleanUp();
  }

  /** Takes no more requests; resolves when those under way are answered. */
  async finish(): Promise<void> {
    this.#stopping = true;
    this.#channel.pause();
    while ((this.#running.size > 0 || this.#exclusive) && !this.#closed) {
      await new Promise<void>((resolve) => this.#settledWaiters.push(resolve));
    }
  }

  #receive(message: LdapMessage): void {
    this.#lastActive = Date.now();
    const { protocolOp, messageID, controls } = message;
    switch (protocolOp.kind) {
      case "unbindRequest":
        this.close();
        return;
      case "abandonRequest":
        this.#running.get(protocolOp.value)?.abort(abandoned);
        this.#paged.abandon(protocolOp.value);
        return;
      case "bindRequest":
        this.#runAlone(() => this.#bind(messageID, protocolOp.value, controls));
        return;
      case "extendedReq":
        if (protocolOp.value.requestName === ExtensionOid.startTls)
          this.#runAlone(() => this.#startTls(messageID));
        else this.#extended(messageID, protocolOp.value, controls);
        return;
      case "searchRequest":
      case "modifyRequest":
      case "addRequest":
      case "delRequest":
      case "modDNRequest":
      case "compareRequest":
        if (this.#running.has(messageID)) this.disconnect("protocolError", "the message id is in use");
        else void this.#operate(messageID, protocolOp, controls);
        return;
      default:
        this.disconnect("protocolError", `a client may not send ${protocolOp.kind}`);
    }
  }

  /** A bind or StartTLS: what is under way is given up, what follows waits. */
  #runAlone(work: () => Promise<void>): void {
    this.#exclusive = true;
    this.#channel.pause();
    for (const controller of this.#running.values()) controller.abort(abandoned);
    void work()
      .catch((error: unknown) => {
        this.#services.logger.error("ldap.failed", { connection: this.id, ...errorToJson(error) });
        this.close();
      })
      .finally(() => {
        this.#exclusive = false;
        this.#settled();
      });
  }

  async #bind(messageID: number, request: BindRequest, controls: Control[] | undefined): Promise<void> {
    this.#setIdentity(undefined);
    let result = success;
    let reply: Uint8Array | undefined;
    let outcome: BindOutcome<Identity> | undefined;
    try {
      readControls(controls);
      if (this.#layer !== "none") {
        throw refusal("unwillingToPerform", "this connection is bound with sign or seal for good");
      }
      outcome = await this.#authenticator.bind(request, this.#session, this.#channel.socket);
      reply = outcome.reply;
      if (!outcome.done) result = { ...success, resultCode: ResultCode.saslBindInProgress };
    } catch (error) {
      result = this.#toResult(error);
      reply = replyOf(error);
    }
    logBind(this.#services.logger, this.#session, request, result);
    const creds = reply === undefined ? {} : { serverSaslCreds: reply };
    this.#channel.send({ messageID, protocolOp: { kind: "bindResponse", value: { ...result, ...creds } } });
    if (outcome?.done !== true) return;
    const { identity, layer } = outcome;
    if (layer !== undefined) {
      if (this.#channel.pendingBytes > 0) {
        this.disconnect("protocolError", "data in the clear after a bind with sign or seal");
        return;
      }
      this.#channel.protect(layer);
      this.#layer = layer.confidential ? "confidential" : "integrity";
    }
    this.#setIdentity(identity);
  }

  async #startTls(messageID: number): Promise<void> {
    const { startTls, logger } = this.#services;
    let result = success;
    if (startTls === undefined) {
      result = {
        ...success,
        resultCode: ResultCode.unavailable,
        diagnosticMessage: "this server has no certificate",
      };
    } else if (this.#session.tls || this.#layer !== "none") {
      const diagnosticMessage = "the connection is protected already";
      result = { ...success, resultCode: ResultCode.operationsError, diagnosticMessage };
    } else if (this.#channel.pendingBytes > 0) {
      this.disconnect("protocolError", "data in the clear after a request for TLS");
      return;
    }
    const value = { ...result, responseName: ExtensionOid.startTls };
    this.#channel.send({ messageID, protocolOp: { kind: "extendedResp", value } });
    if (startTls === undefined || result !== success) return;
    const raw = this.#channel.detach();
    try {
      this.#channel.replaceSocket(await startTls(raw));
      this.#setIdentity(undefined);
    } catch (error) {
      logger.info("ldap.tls", { connection: this.id, peer: this.peer, ...errorToJson(error) });
      this.close();
    }
  }

  #extended(messageID: number, request: ExtendedRequest, controls: Control[] | undefined): void {
    let result = success;
    let responseValue: Uint8Array | undefined;
    try {
      readControls(controls);
      if (request.requestName !== ExtensionOid.whoAmI) {
        throw refusal("protocolError", `unknown extended operation ${request.requestName}`);
      }
      responseValue = utf8(this.anonymous ? "" : this.#services.backend.whoAmI(this.#session));
    } catch (error) {
      result = this.#toResult(error);
    }
    const value = { ...result, ...(responseValue === undefined ? {} : { responseValue }) };
    this.#channel.send({ messageID, protocolOp: { kind: "extendedResp", value } });
  }

  async #operate(
    messageID: number,
    request: OperationRequest,
    wireControls: Control[] | undefined,
  ): Promise<void> {
    const controller = new AbortController();
    this.#running.set(messageID, controller);
    if (this.#running.size >= this.#services.limits.maxOperations) this.#channel.pause();
    const started = Date.now();
    const timer = setTimeout(() => controller.abort(timeUp), this.#timeAllowed(request));
    let result = success;
    let responseControls: Control[] = [];
    try {
      if (request.kind === "searchRequest") {
        responseControls = await this.#search(messageID, request, wireControls, controller.signal);
      } else {
        if (this.anonymous) throw bindRequired();
        const operation = {
          session: this.#session,
          controls: readControls(wireControls),
          signal: controller.signal,
        };
        result = await runUpdate(this.#services.backend, request, operation);
      }
    } catch (error) {
      result = this.#toResult(controller.signal.aborted ? controller.signal.reason : error);
    } finally {
      clearTimeout(timer);
      this.#running.delete(messageID);
    }
    if (controller.signal.reason !== abandoned) {
      const controls = responseControls.length === 0 ? {} : { controls: responseControls };
      this.#channel.send({ messageID, protocolOp: answer(request, result), ...controls });
      logOperation(this.#services.logger, this.id, request, result, Date.now() - started);
    }
    this.#settled();
  }

  async #search(
    messageID: number,
    request: Extract<OperationRequest, { kind: "searchRequest" }>,
    wireControls: Control[] | undefined,
    signal: AbortSignal,
  ): Promise<Control[]> {
    if (this.anonymous && !isRootDse(request)) throw bindRequired();
    const { backend, limits } = this.#services;
    const controls = readControls(wireControls);
    return await runSearch({
      backend,
      limits,
      controls,
      messageID,
      request: request.value,
      operation: { session: this.#session, controls, signal },
      controller: new AbortController(),
      paged: this.#paged,
      rootDse: () => readRootDse(this.#services, this.#session),
      send: (protocolOp) => this.#channel.send({ messageID, protocolOp }),
      drained: () => this.#drained(),
    });
  }

  async #drained(): Promise<void> {
    if (!this.#channel.congested) return;
    this.#stalledSince ??= Date.now();
    await this.#channel.drained();
    this.#stalledSince = undefined;
  }

  #timeAllowed(request: OperationRequest): number {
    const { searchTimeout } = this.#services.limits;
    if (request.kind !== "searchRequest" || request.value.timeLimit === 0) return searchTimeout;
    return Math.min(request.value.timeLimit * 1000, searchTimeout);
  }

  #setIdentity(identity: Identity | undefined): void {
    if (identity === undefined) this.#paged.clear();
    this.#session = this.#makeSession(identity, this.#channel.socket);
    const { maxMessageSize, maxAnonymousMessageSize } = this.#services.limits;
    this.#channel.maxMessageSize = identity === undefined ? maxAnonymousMessageSize : maxMessageSize;
  }

  #makeSession(identity: Identity | undefined, socket: Duplex): LdapSession<Identity> {
    const tls = socket instanceof TLSSocket;
    const protection = tls || this.#local ? "confidential" : this.#layer;
    return { id: this.id, identity, peer: this.peer, protection, tls, local: this.#local };
  }

  #toResult(error: unknown): LdapResult {
    if (error instanceof LdapError) return toResult(error);
    this.#services.logger.error("ldap.internal", { connection: this.id, ...errorToJson(error) });
    return { ...success, resultCode: ResultCode.other, diagnosticMessage: "internal error" };
  }

  /** An operation ended: whoever waited for that may go on. */
  #settled(): void {
    this.#lastActive = Date.now();
    this.#wakeWaiters();
    if (!this.#stopping && !this.#exclusive && this.#running.size < this.#services.limits.maxOperations) {
      this.#channel.resume();
    }
  }

  #wakeWaiters(): void {
    const waiters = this.#settledWaiters;
    this.#settledWaiters = [];
    for (const resolve of waiters) resolve();
  }

  #lost(error: LdapConnectionError | undefined): void {
    if (error !== undefined) {
      this.#services.logger.info("ldap.broken", {
        connection: this.id,
        peer: this.peer,
        ...errorToJson(error),
      });
      if (error.family === "peer") {
        this.disconnect("protocolError", error.message);
        return;
      }
    }
    this.close();
  }

  #cleanUp(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const controller of this.#running.values()) controller.abort(abandoned);
    this.#paged.clear();
    this.#wakeWaiters();
    this.#services.logger.debug("ldap.closed", { connection: this.id, peer: this.peer });
    this.#services.onClosed();
  }
}
