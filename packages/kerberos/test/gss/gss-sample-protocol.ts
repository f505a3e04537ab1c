import type { Socket } from "node:net";

/** Flags of the frames that MIT's gss-client and gss-server exchange: flag octet, length (4, big-endian), token. */
export const SampleFlags = {
  noop: 0x01,
  context: 0x02,
  data: 0x04,
  mic: 0x08,
  contextNext: 0x10,
  wrapped: 0x20,
  encrypted: 0x40,
  sendMic: 0x80,
} as const;

/** One connection of that protocol. */
export class SampleConnection {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #ended = false;
  #wake: () => void = () => {};

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    const end = (): void => {
      this.#ended = true;
      this.#wake();
    };
    socket.on("end", end);
    socket.on("error", end);
  }

  send(flags: number, token: Uint8Array): void {
    const head = Buffer.alloc(5);
    head.writeUInt8(flags, 0);
    head.writeUInt32BE(token.length, 1);
    this.#socket.write(Buffer.concat([head, token]));
  }

  /** The next frame; undefined when the other side is gone. */
  async receive(): Promise<{ flags: number; token: Uint8Array } | undefined> {
    for (;;) {
      if (this.#received.length >= 5) {
        const end = 5 + this.#received.readUInt32BE(1);
        if (this.#received.length >= end) {
          const frame = {
            flags: this.#received.readUInt8(0),
            token: new Uint8Array(this.#received.subarray(5, end)),
          };
          this.#received = this.#received.subarray(end);
          return frame;
        }
      }
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
