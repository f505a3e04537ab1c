import type { Duplex } from "node:stream";
import {
  concatBytes,
  emptyBytes,
  fromUtf8,
  systemCode,
  utf8,
  WaybillError,
  withDeadline,
} from "@waybill/base";
import * as v from "valibot";
import { HostError, Hresult } from "../errors.ts";
import { maxFrame } from "./messages.ts";

/** What a frame carries. */
export const FrameKind = { token: 1, refusal: 2, sealed: 3 } as const;

export interface Frame {
  readonly kind: number;
  readonly payload: Uint8Array;
}

/** The part of a GSS-API context that seals a conversation. */
export interface Sealer {
  wrap(plain: Uint8Array): Uint8Array;
  unwrap(token: Uint8Array): Uint8Array;
}

export interface Waiting {
  /** Longest wait in milliseconds. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
}

const headerBytes = 5;

/**
 * One conversation between two hosts: length-prefixed frames (4-byte big-endian length of what follows, one
 * byte of kind, payload) over a byte stream.
 */
export class Channel {
  readonly #stream: Duplex;
  #peer: string;
  #pending: Uint8Array = emptyBytes;
  #failure: HostError | undefined;
  #wake: (() => void) | undefined;

  constructor(stream: Duplex, peer: string) {
    this.#stream = stream;
    this.#peer = peer;
    stream.on("data", (chunk: Uint8Array) => {
      this.#pending = concatBytes(this.#pending, chunk);
      // A peer that talks without being asked is slowed down, not buffered without end.
      if (this.#pending.length > 2 * maxFrame) stream.pause();
      this.#wake?.();
    });
    stream.on("error", (error) => this.#fail(lostConnection(this.#peer, error)));
    stream.on("close", () => this.#fail(lostConnection(this.#peer, undefined)));
    stream.on("end", () => this.#fail(lostConnection(this.#peer, undefined)));
  }

  get peer(): string {
    return this.#peer;
  }

  /** @param name what the peer is called, now that it has said so. */
  identify(name: string): void {
    this.#peer = `${name} (${this.#peer})`;
  }

  get open(): boolean {
    return this.#failure === undefined;
  }

  /** @throws HostError as the conversation ended. */
  demandOpen(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  close(): void {
    this.#stream.destroy();
  }

  /** Sends what is written so far and says goodbye; for a refusal that the peer should still read. */
  end(): void {
    this.#stream.end();
  }

  sendRaw(bytes: Uint8Array): void {
    this.demandOpen();
    this.#stream.write(bytes);
  }

  send(kind: number, payload: Uint8Array): void {
    const header = Buffer.alloc(headerBytes);
    header.writeUInt32BE(payload.length + 1, 0);
    header.writeUInt8(kind, 4);
    this.sendRaw(concatBytes(header, payload));
  }

  /** The next `length` bytes. */
  async receiveRaw(length: number, what: string, waiting: Waiting): Promise<Uint8Array> {
    await withDeadline({ what: `${what} from ${this.#peer}`, ...waiting }, async (signal) => {
      while (this.#pending.length < length) {
        this.demandOpen();
        if (signal.aborted) return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
          signal.addEventListener("abort", () => resolve(), { once: true });
        });
      }
    });
    const bytes = this.#pending.slice(0, length);
    this.#pending = this.#pending.slice(length);
    if (this.#stream.isPaused()) this.#stream.resume();
    return bytes;
  }

  async receive(what: string, waiting: Waiting): Promise<Frame> {
    const header = Buffer.from(await this.receiveRaw(headerBytes, what, waiting));
    const length = header.readUInt32BE(0);
    if (length < 1 || length > maxFrame) {
      throw protocolError(this.#peer, `announced a frame of ${length} bytes`);
    }
    const kind = header.readUInt8(4);
    return { kind, payload: await this.receiveRaw(length - 1, what, waiting) };
  }

  #fail(error: HostError): void {
    this.#failure ??= error;
    this.#wake?.();
  }
}

/** Typed, sealed messages over a channel. */
export class SealedChannel<Out, In> {
  readonly channel: Channel;
  readonly #sealer: Sealer;
  readonly #incoming: v.GenericSchema<unknown, In>;

  constructor(channel: Channel, sealer: Sealer, incoming: v.GenericSchema<unknown, In>) {
    this.channel = channel;
    this.#sealer = sealer;
    this.#incoming = incoming;
  }

  send(message: Out): void {
    this.channel.send(FrameKind.sealed, this.#sealer.wrap(utf8(JSON.stringify(message))));
  }

  async receive(what: string, waiting: Waiting): Promise<In> {
    const frame = await this.channel.receive(what, waiting);
    if (frame.kind !== FrameKind.sealed) throw protocolError(this.channel.peer, "sent an unsealed frame");
    return parseMessage(this.#incoming, this.#sealer.unwrap(frame.payload), this.channel.peer);
  }
}

function parseMessage<T>(schema: v.GenericSchema<unknown, T>, bytes: Uint8Array, peer: string): T {
  let json: unknown;
  try {
    json = JSON.parse(fromUtf8(bytes));
  } catch (cause) {
    throw protocolError(peer, "sent a message that is not JSON", cause);
  }
  const result = v.safeParse(schema, json);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw protocolError(
    peer,
    `sent a message we do not understand (${v.getDotPath(issue) ?? "type"}: ${issue.message})`,
  );
}

export function protocolError(peer: string, what: string, cause?: unknown): HostError {
  return new HostError(`${peer} ${what}`, {
    code: "MIGRATION_PROTOCOL_ERROR",
    family: "peer",
    hresult: Hresult.failed,
    remedy: "Check that the peer is a Waybill host of a compatible version.",
    cause,
  });
}

function lostConnection(peer: string, cause: Error | undefined): HostError {
  if (cause instanceof WaybillError && cause instanceof HostError) return cause;
  const refused = systemCode(cause) === "ECONNREFUSED";
  return new HostError(refused ? `${peer} refused the connection` : `the connection to ${peer} was lost`, {
    code: refused ? "MIGRATION_CONNECTION_REFUSED" : "MIGRATION_CONNECTION_LOST",
    family: "environment",
    hresult: refused ? Hresult.connectionRefused : Hresult.connectionReset,
    remedy: refused
      ? `Check that the Waybill host service runs on ${peer}, that migration is enabled there, and that port 6600 is open.`
      : "Check the network between the hosts and the other host's log.",
    cause,
  });
}
