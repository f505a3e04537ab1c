import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import { errorToJson, type Logger, utf8, WaybillError } from "@waybill/base";
import { LdapEntry } from "../entry.ts";
import { type LdapConnectionError, LdapError } from "../errors.ts";
import { MessageChannel } from "../message-channel.ts";
import type {
  BindRequest,
  Control,
  ExtendedRequest,
  LdapMessage,
  LdapResult,
  ProtocolOp,
} from "../messages/ldap-message.ts";
import { ExtensionOid } from "../registry/oids.ts";
import { ResultCode, resultCodeName } from "../registry/result-codes.ts";
import { channelBindings } from "../sasl/channel-binding.ts";
import type { SaslMechanism } from "../sasl/mechanism.ts";
import { SaslAcceptor } from "../sasl/sasl-acceptor.ts";
import type { SecurityContext, SecurityHandshake } from "../sasl/security-context.ts";
import type { AttributeChange, LdapBackend, LdapOperation, LdapSession } from "./backend.ts";
import { bindRequired, invalidCredentials, strongerAuthRequired } from "./bind-errors.ts";
import type { LdapServerLimits } from "./limits.ts";
import { PagedSearches } from "./paged-searches.ts";
import { type RequestControls, readControls, supportedControls } from "./request-context.ts";
import { runSearch } from "./run-search.ts";
import { textAttribute } from "./select-attributes.ts";

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

/** A client that begins a SASL bind. */
export interface AcceptRequest {
  readonly mechanism: SaslMechanism;
  /** What the context may be bound to: application data of RFC 5929, all forms that name this TLS connection; empty without TLS. */
  readonly channelBindings: readonly Uint8Array[];
}

type Answer = Extract<
  ProtocolOp["kind"],
  "searchResDone" | "modifyResponse" | "addResponse" | "delResponse" | "modDNResponse" | "compareResponse"
>;

const mechanisms: readonly SaslMechanism[] = ["GSS-SPNEGO", "GSSAPI"];
const changeOperations: readonly AttributeChange["operation"][] = ["add", "delete", "replace"];
const success: LdapResult = { resultCode: ResultCode.success, matchedDN: "", diagnosticMessage: "" };

/** One client: reads its requests, runs them over the backend, answers. */
export class ClientConnection<Identity, Context extends SecurityContext> {
  readonly id: number;
  readonly peer: string;
  readonly #services: ConnectionServices<Identity, Context>;
  readonly #local: boolean;
  readonly #channel: MessageChannel;
  readonly #running = new Map<number, AbortController>();
  readonly #paged: PagedSearches;
  #session: LdapSession<Identity>;
  #sasl: SaslAcceptor<Context> | undefined;
  #layer: "none" | "integrity" | "confidential" = "none";
  #exclusive = false;
  #stopping = false;
  #lastActive = Date.now();
  #stalledSince: number | undefined;
  #idleWaiters: (() => void)[] = [];

  constructor(
    socket: Duplex,
    about: { readonly id: number; readonly peer: string; readonly local: boolean },
    services: ConnectionServices<Identity, Context>,
  ) {
    this.id = about.id;
    this.peer = about.peer;
    this.#local = about.local;
    this.#services = services;
    this.#paged = new PagedSearches(services.limits.maxPagedSearches);
    this.#session = this.#makeSession(undefined, socket);
    this.#channel = new MessageChannel(socket, services.limits.maxAnonymousMessageSize, {
      onMessage: (message) => this.#receive(message),
      onEnd: (error) => this.#ended(error),
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
    const { limits } = this.#services;
    if (this.#stalledSince !== undefined && now - this.#stalledSince > limits.writeTimeout) {
      this.#services.logger.info("ldap.stalled", { connection: this.id, peer: this.peer });
      this.close();
      return;
    }
    const allowed = this.anonymous ? limits.anonymousIdleTimeout : limits.idleTimeout;
    if (this.idleSince !== undefined && now - this.idleSince > allowed)
      this.disconnect("busy", "idle for too long");
  }

  /** Says why (notice of disconnection, RFC 4511 section 4.4.1) and closes. */
  disconnect(reason: "unavailable" | "busy" | "protocolError" | "strongerAuthRequired", text: string): void {
    if (!this.#channel.ended) {
      this.#channel.send({
        messageID: 0,
        protocolOp: {
          kind: "extendedResp",
          value: {
            resultCode: ResultCode[reason],
            matchedDN: "",
            diagnosticMessage: text,
            responseName: ExtensionOid.noticeOfDisconnection,
          },
        },
      });
      this.#channel.end();
    }
    this.#ended(undefined);
  }

  /** Closes at once. */
  close(): void {
    this.#channel.destroy();
    this.#ended(undefined);
  }

  /** Takes no more requests; resolves when those under way are answered. */
  async finish(): Promise<void> {
    this.#stopping = true;
    this.#channel.pause();
    while (this.#running.size > 0 || this.#exclusive) {
      await new Promise<void>((resolve) => this.#idleWaiters.push(resolve));
    }
  }

  #receive(message: LdapMessage): void {
    this.#lastActive = Date.now();
    const { protocolOp, messageID } = message;
    switch (protocolOp.kind) {
      case "unbindRequest":
        this.close();
        return;
      case "abandonRequest":
        this.#running.get(protocolOp.value)?.abort(abandoned);
        return;
      case "bindRequest":
        this.#runAlone(() => this.#bind(messageID, protocolOp.value));
        return;
      case "extendedReq":
        if (protocolOp.value.requestName === ExtensionOid.startTls)
          this.#runAlone(() => this.#startTls(messageID));
        else this.#extended(messageID, protocolOp.value, message.controls);
        return;
      case "searchRequest":
      case "modifyRequest":
      case "addRequest":
      case "delRequest":
      case "modDNRequest":
      case "compareRequest":
        if (this.#running.has(messageID)) {
          this.disconnect("protocolError", "the message id is in use");
          return;
        }
        void this.#operate(messageID, protocolOp, message.controls);
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

  async #bind(messageID: number, request: BindRequest): Promise<void> {
    this.#setIdentity(undefined);
    let reply: Uint8Array | undefined;
    let layer: Parameters<MessageChannel["protect"]>[0] | undefined;
    let result = success;
    try {
      if (request.version !== 3) throw refusal("protocolError", "only LDAP version 3 is spoken here");
      if (this.#layer !== "none")
        throw refusal("unwillingToPerform", "this connection is bound with sign or seal for good");
      if (request.authentication.kind === "simple") {
        this.#sasl = undefined;
        this.#setIdentity(await this.#bindSimple(request.name, request.authentication.value));
      } else if (request.authentication.kind === "sasl") {
        const { mechanism, credentials } = request.authentication.value;
        const step = await this.#bindSasl(mechanism, credentials ?? new Uint8Array(0));
        reply = step.reply;
        if (step.done) layer = step.layer;
        else result = { ...success, resultCode: ResultCode.saslBindInProgress };
      } else {
        throw refusal("authMethodNotSupported", "NTLM is not spoken here; bind with SASL GSS-SPNEGO");
      }
    } catch (error) {
      this.#sasl = undefined;
      result = this.#toResult(error);
    }
    this.#logBind(request, result);
    const serverSaslCreds = reply === undefined ? {} : { serverSaslCreds: reply };
    this.#channel.send({
      messageID,
      protocolOp: { kind: "bindResponse", value: { ...result, ...serverSaslCreds } },
    });
    if (layer === undefined) return;
    if (this.#channel.pendingBytes > 0) {
      this.disconnect("protocolError", "data in the clear after a bind with sign or seal");
      return;
    }
    this.#channel.protect(layer);
    this.#layer = layer.confidential ? "confidential" : "integrity";
    this.#setIdentity(this.#session.identity);
  }

  async #bindSimple(name: string, password: Uint8Array): Promise<Identity | undefined> {
    if (password.length === 0) {
      if (name === "") return undefined;
      throw refusal("unwillingToPerform", "a bind with a name and no password proves nothing");
    }
    if (this.#session.protection !== "confidential") throw strongerAuthRequired();
    return await this.#services.backend.bindSimple(name, password, this.#session);
  }

  async #bindSasl(
    mechanismName: string,
    credentials: Uint8Array,
  ): Promise<Awaited<ReturnType<SaslAcceptor<Context>["step"]>>> {
    const mechanism = mechanisms.find((known) => known === mechanismName);
    const { accept, requireSigning, backend } = this.#services;
    if (mechanism === undefined || accept === undefined) {
      throw refusal("authMethodNotSupported", "the SASL mechanisms here are GSS-SPNEGO and GSSAPI");
    }
    const { socket } = this.#channel;
    if (this.#sasl?.mechanism !== mechanism) {
      const bindings = socket instanceof TLSSocket ? channelBindings(socket, "server") : [];
      const insideTls = this.#session.tls || this.#local;
      const handshake = accept({ mechanism, channelBindings: bindings });
      this.#sasl = new SaslAcceptor(mechanism, handshake, { insideTls, requireSigning });
    }
    try {
      const step = await this.#sasl.step(credentials);
      if (!step.done) return step;
      this.#sasl = undefined;
      this.#setIdentity(await backend.bindSasl(step.context, this.#session));
      return step;
    } catch (error) {
      if (error instanceof LdapError) throw error;
      this.#services.logger.info("ldap.sasl", {
        connection: this.id,
        peer: this.peer,
        ...errorToJson(error),
      });
      throw invalidCredentials(isBadBinding(error) ? "badChannelBinding" : "wrongPassword", error);
    }
  }

  async #startTls(messageID: number): Promise<void> {
    const { startTls } = this.#services;
    const respond = (result: LdapResult): void => {
      const value = { ...result, responseName: ExtensionOid.startTls };
      this.#channel.send({ messageID, protocolOp: { kind: "extendedResp", value } });
    };
    if (startTls === undefined) {
      respond({
        ...success,
        resultCode: ResultCode.unavailable,
        diagnosticMessage: "this server has no certificate",
      });
      return;
    }
    if (this.#session.tls || this.#layer !== "none") {
      respond({
        ...success,
        resultCode: ResultCode.operationsError,
        diagnosticMessage: "the connection is protected already",
      });
      return;
    }
    if (this.#channel.pendingBytes > 0) {
      this.disconnect("protocolError", "data in the clear after a request for TLS");
      return;
    }
    respond(success);
    const raw = this.#channel.detach();
    try {
      this.#channel.replaceSocket(await startTls(raw));
      this.#setIdentity(undefined);
    } catch (error) {
      this.#services.logger.info("ldap.tls", { connection: this.id, peer: this.peer, ...errorToJson(error) });
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

  async #operate(messageID: number, op: ProtocolOp, wireControls: Control[] | undefined): Promise<void> {
    const controller = new AbortController();
    this.#running.set(messageID, controller);
    if (this.#running.size >= this.#services.limits.maxOperations) this.#channel.pause();
    const started = Date.now();
    let kind: Answer = "searchResDone";
    let result = success;
    let responseControls: Control[] = [];
    const timer = setTimeout(() => controller.abort(timeUp), this.#timeAllowed(op));
    try {
      kind = answerKind(op);
      const controls = readControls(wireControls);
      const operation = { session: this.#session, controls, signal: controller.signal };
      if (this.anonymous && !isRootDse(op)) throw bindRequired();
      if (op.kind === "searchRequest")
        responseControls = await this.#search(messageID, op, controls, controller);
      else result = await this.#update(op, operation);
    } catch (error) {
      result = this.#toResult(controller.signal.aborted ? controller.signal.reason : error);
    } finally {
      clearTimeout(timer);
      this.#running.delete(messageID);
    }
    if (controller.signal.reason !== abandoned) {
      const controls = responseControls.length === 0 ? {} : { controls: responseControls };
      this.#channel.send({ messageID, protocolOp: { kind, value: result }, ...controls });
      this.#logOperation(op, result, Date.now() - started);
    }
    this.#settled();
  }

  async #search(
    messageID: number,
    op: Extract<ProtocolOp, { kind: "searchRequest" }>,
    controls: RequestControls,
    controller: AbortController,
  ): Promise<Control[]> {
    return await runSearch({
      backend: this.#services.backend,
      request: op.value,
      controls,
      operation: { session: this.#session, controls, signal: controller.signal },
      controller: new AbortController(),
      limits: this.#services.limits,
      paged: this.#paged,
      rootDse: () => this.#rootDse(),
      send: (protocolOp) => this.#channel.send({ messageID, protocolOp }),
      drained: () => this.#drained(),
    });
  }

  async #update(op: ProtocolOp, operation: LdapOperation<Identity>): Promise<LdapResult> {
    const { backend } = this.#services;
    switch (op.kind) {
      case "addRequest": {
        const attributes = op.value.attributes.map(({ type, vals }) => ({ type, values: vals }));
        await backend.add({ dn: op.value.entry, attributes }, operation);
        return success;
      }
      case "modifyRequest":
        await backend.modify(op.value.object, op.value.changes.map(toChange), operation);
        return success;
      case "delRequest":
        await backend.delete(op.value, operation);
        return success;
      case "modDNRequest": {
        const { entry, newrdn, deleteoldrdn, newSuperior } = op.value;
        await backend.rename(entry, { newRdn: newrdn, deleteOldRdn: deleteoldrdn, newSuperior }, operation);
        return success;
      }
      case "compareRequest": {
        const { attributeDesc, assertionValue } = op.value.ava;
        const same = await backend.compare(
          op.value.entry,
          { type: attributeDesc, value: assertionValue },
          operation,
        );
        return { ...success, resultCode: same ? ResultCode.compareTrue : ResultCode.compareFalse };
      }
      default:
        throw refusal("protocolError", `a client may not send ${op.kind}`);
    }
  }

  async #rootDse(): Promise<LdapEntry> {
    const { backend, accept, startTls } = this.#services;
    const extensions =
      startTls === undefined ? [ExtensionOid.whoAmI] : [ExtensionOid.startTls, ExtensionOid.whoAmI];
    return new LdapEntry("", [
      textAttribute("objectClass", "top"),
      textAttribute("supportedLDAPVersion", "3"),
      textAttribute("supportedControl", ...supportedControls),
      textAttribute("supportedExtension", ...extensions),
      ...(accept === undefined ? [] : [textAttribute("supportedSASLMechanisms", ...mechanisms)]),
      ...(await backend.rootDse(this.#session)),
    ]);
  }

  async #drained(): Promise<void> {
    if (!this.#channel.congested) return;
    this.#stalledSince ??= Date.now();
    await this.#channel.drained();
    this.#stalledSince = undefined;
  }

  #timeAllowed(op: ProtocolOp): number {
    const { searchTimeout } = this.#services.limits;
    if (op.kind !== "searchRequest" || op.value.timeLimit === 0) return searchTimeout;
    return Math.min(op.value.timeLimit * 1000, searchTimeout);
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
    if (error instanceof LdapError) {
      const { resultCode, matchedDn, diagnosticMessage, referrals } = error;
      const referral = referrals.length === 0 ? {} : { referral: [...referrals] };
      return { resultCode, matchedDN: matchedDn, diagnosticMessage, ...referral };
    }
    this.#services.logger.error("ldap.internal", { connection: this.id, ...errorToJson(error) });
    return { ...success, resultCode: ResultCode.other, diagnosticMessage: "internal error" };
  }

  /** An operation ended: whoever waited for that may go on. */
  #settled(): void {
    this.#lastActive = Date.now();
    const waiters = this.#idleWaiters;
    this.#idleWaiters = [];
    for (const resolve of waiters) resolve();
    if (!this.#stopping && !this.#exclusive && this.#running.size < this.#services.limits.maxOperations) {
      this.#channel.resume();
    }
  }

  #closed = false;

  #ended(error: LdapConnectionError | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    if (error !== undefined) {
      this.#services.logger.info("ldap.broken", {
        connection: this.id,
        peer: this.peer,
        ...errorToJson(error),
      });
      if (error.code === "LDAP_PROTOCOL_ERROR" || error.code === "LDAP_MESSAGE_TOO_BIG")
        this.#channel.socket.destroy();
    }
    this.#channel.destroy();
    for (const controller of this.#running.values()) controller.abort(abandoned);
    this.#paged.clear();
    this.#services.logger.debug("ldap.closed", { connection: this.id, peer: this.peer });
    this.#services.onClosed();
  }

  #logBind(request: BindRequest, result: LdapResult): void {
    const { authentication } = request;
    if (result.resultCode === ResultCode.saslBindInProgress) return;
    this.#services.logger.info("ldap.bind", {
      connection: this.id,
      peer: this.peer,
      method: authentication.kind === "sasl" ? authentication.value.mechanism : authentication.kind,
      name: request.name,
      tls: this.#session.tls,
      result: resultCodeName(result.resultCode),
      ...(result.diagnosticMessage === "" ? {} : { text: result.diagnosticMessage }),
    });
  }

  #logOperation(op: ProtocolOp, result: LdapResult, milliseconds: number): void {
    const read = op.kind === "searchRequest" || op.kind === "compareRequest";
    const facts = {
      connection: this.id,
      operation: op.kind,
      dn: targetOf(op),
      result: resultCodeName(result.resultCode),
      ...(result.diagnosticMessage === "" ? {} : { text: result.diagnosticMessage }),
      milliseconds,
    };
    if (read) this.#services.logger.debug("ldap.operation", facts);
    else this.#services.logger.info("ldap.operation", facts);
  }
}

function isBadBinding(error: unknown): boolean {
  return error instanceof WaybillError && error.code === "GSS_BAD_BINDINGS";
}

/** Reasons an operation's signal fires with. */
const abandoned = new LdapError({ resultCode: "canceled", diagnosticMessage: "abandoned" });
const timeUp = new LdapError({ resultCode: "timeLimitExceeded" });

function answerKind(op: ProtocolOp): Answer {
  switch (op.kind) {
    case "modifyRequest":
      return "modifyResponse";
    case "addRequest":
      return "addResponse";
    case "delRequest":
      return "delResponse";
    case "modDNRequest":
      return "modDNResponse";
    case "compareRequest":
      return "compareResponse";
    default:
      return "searchResDone";
  }
}

function isRootDse(op: ProtocolOp): boolean {
  return op.kind === "searchRequest" && op.value.baseObject === "" && op.value.scope === 0;
}

function targetOf(op: ProtocolOp): string {
  switch (op.kind) {
    case "searchRequest":
      return op.value.baseObject;
    case "modifyRequest":
      return op.value.object;
    case "addRequest":
    case "modDNRequest":
    case "compareRequest":
      return op.value.entry;
    case "delRequest":
      return op.value;
    default:
      return "";
  }
}

function toChange(change: {
  operation: number;
  modification: { type: string; vals: Uint8Array[] };
}): AttributeChange {
  const operation = changeOperations[change.operation];
  if (operation === undefined) throw refusal("protocolError", `unknown change ${change.operation}`);
  const { type, vals } = change.modification;
  if (operation === "add" && vals.length === 0) throw refusal("protocolError", `adding no value of ${type}`);
  return { operation, type, values: vals };
}

function refusal(
  resultCode: LdapError["resultName"] & keyof typeof ResultCode,
  diagnosticMessage: string,
): LdapError {
  return new LdapError({ resultCode, diagnosticMessage });
}
