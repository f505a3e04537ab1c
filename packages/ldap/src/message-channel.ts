import type { Duplex } from "node:stream";
import { concatBytes } from "@waybill/base";
import { LdapConnectionError } from "./errors.ts";
import { FrameReader, measureBerFrame } from "./frame-reader.ts";
import { decodeMessage, encodeMessage, type LdapMessage } from "./messages/ldap-message.ts";
import type { SaslLayer } from "./sasl/sasl-layer.ts";

export interface ChannelEvents {
  onMessage(message: LdapMessage): void;
  /** Once, when the peer closed, the socket failed or something undecodable arrived. Not after `destroy`. */
  onEnd(error: LdapConnectionError | undefined): void;
}

const flushAt = 64 * 1024;
const congestedAt = 512 * 1024;
const lingerTime = 2000;

/**
 * LDAP messages over a byte stream, both directions, for client and server alike. Messages sent in one turn of
 * the event loop leave in one write (Impacket counts on reading a whole answer at once); a SASL layer goes around
 * all of them.
 */
export class MessageChannel {
  #socket: Duplex;
  readonly #events: ChannelEvents;
  readonly #frames: FrameReader;
  #layer: SaslLayer | undefined;
  #paused = false;
  #ended = false;
  #out: Uint8Array[] = [];
  #outSize = 0;
  #flushScheduled = false;
  #waiting: (() => void)[] = [];

  constructor(socket: Duplex, maxMessageSize: number, events: ChannelEvents) {
    this.#socket = socket;
    this.#events = events;
    this.#frames = new FrameReader(measureBerFrame, maxMessageSize);
    this.#attach();
  }

  get socket(): Duplex {
    return this.#socket;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** More is waiting to leave than is wise; see `drained`. */
  get congested(): boolean {
    return this.#outSize > congestedAt || this.#socket.writableLength > congestedAt;
  }

  set maxMessageSize(size: number) {
    this.#frames.maxSize = size;
  }

  /** Bytes that arrived and belong to no complete message yet. */
  get pendingBytes(): number {
    return this.#frames.pendingBytes;
  }

  send(message: LdapMessage): void {
    if (this.#ended) return;
    const bytes = encodeMessage(message);
    this.#out.push(bytes);
    this.#outSize += bytes.length;
    if (this.#outSize >= flushAt) {
      this.flush();
    } else if (!this.#flushScheduled) {
      this.#flushScheduled = true;
      setImmediate(() => this.flush());
    }
  }

  flush(): void {
    this.#flushScheduled = false;
    if (this.#outSize === 0 || this.#ended) return;
    const plain =
      this.#out.length === 1 && this.#out[0] !== undefined ? this.#out[0] : concatBytes(...this.#out);
    this.#out = [];
    this.#outSize = 0;
    this.#write(plain);
  }

  #write(plain: Uint8Array): void {
    try {
      this.#socket.write(this.#layer === undefined ? plain : this.#layer.protect(plain));
    } catch (cause) {
      // Wrapping fails when the context expired or its sequence is broken: nothing can follow.
      this.#socket.destroy();
      this.#fail(new LdapConnectionError("LDAP_SASL_FAILED", "protecting a message failed", { cause }));
    }
  }

  /** Resolves when the peer has taken most of what was sent, or the channel ended. */
  async drained(): Promise<void> {
    this.flush();
    while (this.congested && !this.#ended) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Puts a SASL layer around everything that is sent and received from now on. */
  protect(layer: SaslLayer): void {
    this.flush();
    this.#layer = layer;
  }

  /** Stops reading, hands out the socket for a TLS handshake; `replaceSocket` goes on. */
  detach(): Duplex {
    this.flush();
    this.#socket.off("data", this.#onData);
    this.#socket.off("drain", this.#wake);
    this.#socket.off("error", this.#onError);
    this.#socket.off("close", this.#onClose);
    this.#socket.on("error", ignore);
    return this.#socket;
  }

  replaceSocket(socket: Duplex): void {
    this.#socket = socket;
    this.#attach();
  }

  /** Delivers no further message until `resume`; the peer feels it through the full socket. */
  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#paused || this.#ended) return;
    this.#paused = false;
    this.#deliver();
    if (!this.#paused && !this.#ended) this.#socket.resume();
  }

  /** Sends what is queued, and `last` even after something undecodable arrived, then closes. */
  end(last?: LdapMessage): void {
    this.flush();
    if (last !== undefined && !this.#socket.destroyed) this.#write(encodeMessage(last));
    this.#finish();
    const socket = this.#socket;
    socket.end(() => socket.destroy());
    // A peer that reads nothing would keep the socket open for good.
    setTimeout(() => socket.destroy(), lingerTime).unref();
  }

  destroy(): void {
    this.#finish();
    this.#socket.destroy();
  }

  #attach(): void {
    this.#socket.on("data", this.#onData);
    this.#socket.on("drain", this.#wake);
    this.#socket.on("error", this.#onError);
    this.#socket.on("close", this.#onClose);
  }

  readonly #onData = (chunk: Uint8Array): void => {
    if (this.#ended) return;
    try {
      if (this.#layer === undefined) this.#frames.push(chunk);
      else for (const plain of this.#layer.receive(chunk)) this.#frames.push(plain);
      this.#deliver();
    } catch (error) {
      this.#fail(asConnectionError(error));
    }
  };

  #deliver(): void {
    while (!this.#paused && !this.#ended) {
      let message: LdapMessage;
      try {
        const frame = this.#frames.next();
        if (frame === undefined) return;
        message = decodeMessage(frame);
      } catch (error) {
        this.#fail(asConnectionError(error));
        return;
      }
      this.#events.onMessage(message);
    }
  }

  readonly #wake = (): void => {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  };

  readonly #onError = (cause: Error): void => {
    this.#fail(
      new LdapConnectionError("LDAP_CONNECTION_LOST", `the connection failed: ${cause.message}`, { cause }),
    );
  };

  readonly #onClose = (): void => this.#fail(undefined);

  #fail(error: LdapConnectionError | undefined): void {
    if (this.#ended) return;
    this.#finish();
    this.#events.onEnd(error);
  }

  #finish(): void {
    this.#ended = true;
    this.#out = [];
    this.#outSize = 0;
    this.#wake();
  }
}

/** While a TLS handshake owns the socket, it reports failures itself. */
function ignore(): void {}

function asConnectionError(error: unknown): LdapConnectionError {
  if (error instanceof LdapConnectionError) return error;
  return new LdapConnectionError("LDAP_PROTOCOL_ERROR", "the peer sent a message that is not LDAP", {
    cause: error,
  });
}
