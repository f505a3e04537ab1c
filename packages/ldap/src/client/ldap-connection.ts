import type { Duplex } from "node:stream";
import { AbortedError, DeadlineError } from "@waybill/base";
import { LdapConnectionError, LdapError } from "../errors.ts";
import { MessageChannel } from "../message-channel.ts";
import type { Control, LdapMessage, LdapResult, ProtocolOp } from "../messages/ldap-message.ts";
import { ExtensionOid } from "../registry/oids.ts";
import { ResultCode } from "../registry/result-codes.ts";
import type { SaslLayer } from "../sasl/sasl-layer.ts";

/** How long to wait, and how to stop waiting. */
export interface WaitOptions {
  /** Longest silence of the server, in milliseconds. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
}

/** What the server sent for one request, in order. */
export interface ResponseStream {
  /** The next message. @throws LdapConnectionError, DeadlineError, AbortedError; the request is then abandoned. */
  next(): Promise<LdapMessage>;
  /** The last message, if it has arrived and was not read. */
  arrived(): LdapMessage | undefined;
  /** Gives the request up, unless its last message was read; returns what had arrived and was not read. */
  close(): readonly LdapMessage[];
}

interface PendingRequest {
  readonly queue: LdapMessage[];
  error: Error | undefined;
  wake: (() => void) | undefined;
  /** Nothing more will come for it. */
  complete: boolean;
  readonly onComplete: (() => void) | undefined;
  /** Only searches get more than one message, so only they may be slow readers. */
  readonly streaming: boolean;
}

const maxMessageId = 0x7fffffff;
/** Entries that may wait for a slow reader before the socket is paused. */
const highWater = 1000;

/** Requests and their responses over one connection, matched by message id. */
export class LdapConnection {
  readonly #channel: MessageChannel;
  readonly #pending = new Map<number, PendingRequest>();
  #lastId = 0;
  #failure: Error | undefined;
  #onClose: ((error: Error) => void) | undefined;

  constructor(socket: Duplex, maxMessageSize: number) {
    this.#channel = new MessageChannel(socket, maxMessageSize, {
      onMessage: (message) => this.#receive(message),
      onEnd: (error) => this.#fail(error ?? lost()),
    });
  }

  get socket(): Duplex {
    return this.#channel.socket;
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  get idle(): boolean {
    return this.#pending.size === 0;
  }

  set onClose(listener: (error: Error) => void) {
    this.#onClose = listener;
  }

  /**
   * Sends a request. `what` names it in errors: `searching CN=Users,DC=lab,DC=test`.
   *
   * @param onComplete hears that the last message has arrived, which may be long before it is read
   */
  start(
    what: string,
    protocolOp: ProtocolOp,
    controls: Control[],
    wait: WaitOptions,
    onComplete?: () => void,
  ): ResponseStream {
    if (this.#failure !== undefined) throw this.#failure;
    if (wait.signal?.aborted) throw new AbortedError(what, wait.signal.reason);
    const id = this.#nextId();
    this.#channel.send({ messageID: id, protocolOp, ...(controls.length === 0 ? {} : { controls }) });
    const request: PendingRequest = {
      queue: [],
      error: undefined,
      wake: undefined,
      complete: false,
      onComplete,
      streaming: protocolOp.kind === "searchRequest",
    };
    this.#pending.set(id, request);
    this.#balance();
    return {
      next: () => this.#next(id, request, what, wait),
      arrived: () => (request.complete ? request.queue.at(-1) : undefined),
      close: () => {
        this.#abandon(id);
        return request.queue;
      },
    };
  }

  /** Sends a request that has exactly one response. */
  async request(what: string, op: ProtocolOp, controls: Control[], wait: WaitOptions): Promise<LdapMessage> {
    return await this.start(what, op, controls, wait).next();
  }

  /** Hands the socket over for a TLS handshake and takes back what came of it. */
  async upgrade(handshake: (socket: Duplex) => Promise<Duplex>): Promise<void> {
    if (this.#channel.pendingBytes > 0) {
      throw new LdapConnectionError(
        "LDAP_PROTOCOL_ERROR",
        "the server sent data in the clear where TLS must begin",
      );
    }
    const socket = this.#channel.detach();
    try {
      this.#channel.replaceSocket(await handshake(socket));
    } catch (error) {
      this.#channel.destroy();
      this.#fail(error instanceof Error ? error : lost());
      throw error;
    }
  }

  protect(layer: SaslLayer): void {
    this.#channel.protect(layer);
  }

  /** Says goodbye and closes; what is under way fails. */
  close(): void {
    if (this.#failure !== undefined) return;
    this.#channel.send({ messageID: this.#nextId(), protocolOp: { kind: "unbindRequest", value: null } });
    this.#channel.end();
    this.#fail(new LdapConnectionError("LDAP_CLOSED", "the connection was closed by this side"));
  }

  #receive(message: LdapMessage): void {
    const request = this.#pending.get(message.messageID);
    if (request === undefined) {
      // Late answers to abandoned requests are normal; id 0 is the server's own voice.
      if (message.messageID === 0) this.#notice(message);
      return;
    }
    request.queue.push(message);
    if (isLast(message.protocolOp)) {
      request.complete = true;
      request.onComplete?.();
    }
    request.wake?.();
    if (request.queue.length >= highWater) this.#balance();
  }

  async #next(id: number, request: PendingRequest, what: string, wait: WaitOptions): Promise<LdapMessage> {
    for (;;) {
      const message = request.queue.shift();
      if (message !== undefined) {
        if (isLast(message.protocolOp)) this.#pending.delete(id);
        if (this.#channel.paused && request.queue.length < highWater / 2) this.#balance();
        return message;
      }
      if (request.error !== undefined) throw request.error;
      try {
        await this.#arrival(request, what, wait);
      } catch (error) {
        this.#abandon(id);
        throw error;
      }
    }
  }

  #arrival(request: PendingRequest, what: string, wait: WaitOptions): Promise<void> {
    const { timeout, signal } = wait;
    if (signal?.aborted) return Promise.reject(new AbortedError(what, signal.reason));
    return new Promise<void>((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
        request.wake = undefined;
      };
      const timer = setTimeout(() => {
        settle();
        reject(new DeadlineError(what, timeout));
      }, timeout);
      const onAbort = (): void => {
        settle();
        reject(new AbortedError(what, signal?.reason));
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      request.wake = () => {
        settle();
        resolve();
      };
    });
  }

  #abandon(id: number): void {
    if (!this.#pending.delete(id) || this.#failure !== undefined) return;
    this.#channel.send({ messageID: this.#nextId(), protocolOp: { kind: "abandonRequest", value: id } });
    this.#balance();
  }

  /** Reads on unless every request under way is a search whose reader is far behind: so nobody waits for a slow reader. */
  #balance(): void {
    const awaited = [...this.#pending.values()].filter(({ complete }) => !complete);
    const allBehind =
      awaited.length > 0 && awaited.every(({ streaming, queue }) => streaming && queue.length >= highWater);
    if (allBehind) this.#channel.pause();
    else this.#channel.resume();
  }

  #notice({ protocolOp }: LdapMessage): void {
    if (protocolOp.kind !== "extendedResp") return;
    if (protocolOp.value.responseName !== ExtensionOid.noticeOfDisconnection) return;
    this.#channel.destroy();
    this.#fail(toLdapError(protocolOp.value, "the server ended the connection"));
  }

  #fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#channel.destroy();
    for (const request of this.#pending.values()) {
      request.error = error;
      request.wake?.();
    }
    this.#pending.clear();
    this.#onClose?.(error);
  }

  #nextId(): number {
    do {
      this.#lastId = this.#lastId >= maxMessageId ? 1 : this.#lastId + 1;
    } while (this.#pending.has(this.#lastId));
    return this.#lastId;
  }
}

function isLast(op: ProtocolOp): boolean {
  return op.kind !== "searchResEntry" && op.kind !== "searchResRef" && op.kind !== "intermediateResponse";
}

function lost(): LdapConnectionError {
  return new LdapConnectionError("LDAP_CONNECTION_LOST", "the server closed the connection", {
    remedy: "Connect again; the server's log may say why it closed.",
  });
}

export function toLdapError(result: LdapResult, operation: string): LdapError {
  return new LdapError({
    resultCode: result.resultCode,
    matchedDn: result.matchedDN,
    diagnosticMessage: result.diagnosticMessage,
    referrals: result.referral,
    operation,
  });
}

export function isSuccess(result: LdapResult): boolean {
  return result.resultCode === ResultCode.success;
}
