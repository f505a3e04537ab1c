import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import { errorToJson, type Logger, utf8 } from "@waybill/base";
import type { LdapConnectionError } from "../errors.ts";
import { MessageChannel } from "../message-channel.ts";
import type { BindRequest, Control, ExtendedRequest, LdapMessage } from "../messages/ldap-message.ts";
import { ExtensionOid } from "../registry/oids.ts";
import { ResultCode } from "../registry/result-codes.ts";
import type { SecurityContext, SecurityHandshake } from "../sasl/security-context.ts";
import { type AcceptRequest, Authenticator, type BindOutcome, replyOf } from "./authenticator.ts";
import type { LdapBackend, LdapSession } from "./backend.ts";
import type { LdapServerLimits } from "./limits.ts";
import { logBind } from "./operation-log.ts";
import { OperationRunner, resultOf } from "./operation-runner.ts";
import { PagedSearches } from "./paged-searches.ts";
import { readControls } from "./request-context.ts";
import { RequestFlow } from "./request-flow.ts";
import { refusal, success } from "./requests.ts";

/** What a connection needs of its server. */
export interface ConnectionServices<Identity, Context extends SecurityContext> {
  readonly backend: LdapBackend<Identity, Context>;
  readonly limits: LdapServerLimits;
  readonly logger: Logger;
  readonly requireSigning: boolean;
  readonly accept: ((request: AcceptRequest) => SecurityHandshake<Context>) | undefined;
  /** The server's half of a TLS handshake; `undefined` without a certificate. */
  readonly startTls: ((socket: Duplex) => Promise<TLSSocket>) | undefined;
  /** Counts a request of this client: milliseconds until its next one should be read. */
  readonly delay?: (() => number) | undefined;
  onClosed(): void;
}

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
  readonly #flow: RequestFlow;
  readonly #paged: PagedSearches;
  readonly #operations: OperationRunner<Identity, Context>;
  #session: LdapSession<Identity>;
  #layer: "none" | "integrity" | "confidential" = "none";
  #closed = false;

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
    this.#flow = new RequestFlow({
      maxOperations: services.limits.maxOperations,
      delay: services.delay,
      pause: () => this.#channel.pause(),
      resume: () => this.#channel.resume(),
    });
    this.#operations = new OperationRunner({
      services,
      channel: this.#channel,
      flow: this.#flow,
      paged: this.#paged,
      session: () => this.#session,
    });
  }

  get anonymous(): boolean {
    return this.#session.identity === undefined;
  }

  /** When the client was last heard or served, for choosing whom to shed; `undefined` while it is busy. */
  get idleSince(): number | undefined {
    return this.#flow.idleSince;
  }

  /** Called now and then: closes a connection that is silent, or takes nothing, for too long. */
  checkTimeouts(now: number): void {
    const { limits, logger } = this.#services;
    const { stalledSince } = this.#operations;
    if (stalledSince !== undefined && now - stalledSince > limits.writeTimeout) {
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
    await this.#flow.finish();
  }

  #receive(message: LdapMessage): void {
    this.#flow.heard();
    const { protocolOp, messageID, controls } = message;
    switch (protocolOp.kind) {
      case "unbindRequest":
        this.close();
        return;
      case "abandonRequest":
        this.#flow.abandon(protocolOp.value);
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
        if (this.#flow.isRunning(messageID)) this.disconnect("protocolError", "the message id is in use");
        else void this.#operations.run(messageID, protocolOp, controls);
        return;
      default:
        this.disconnect("protocolError", `a client may not send ${protocolOp.kind}`);
    }
  }

  /** A bind or StartTLS: what is under way is given up, what follows waits. */
  #runAlone(work: () => Promise<void>): void {
    void this.#flow.runAlone(work).catch((error: unknown) => {
      this.#services.logger.error("ldap.failed", { connection: this.id, ...errorToJson(error) });
      this.close();
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
      result = resultOf(error, this.id, this.#services.logger);
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
      result = resultOf(error, this.id, this.#services.logger);
    }
    const value = { ...result, ...(responseValue === undefined ? {} : { responseValue }) };
    this.#channel.send({ messageID, protocolOp: { kind: "extendedResp", value } });
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
    this.#flow.close();
    this.#paged.clear();
    this.#services.logger.debug("ldap.closed", { connection: this.id, peer: this.peer });
    this.#services.onClosed();
  }
}
