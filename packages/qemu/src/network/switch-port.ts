import { createSocket } from "node:dgram";
import { rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import type { NetworkAttachment } from "../definition/vm-definition.ts";

/** One socket of the switch, where one machine's network card plugs in. */
export interface SwitchPort {
  /** What a VM definition has to say to reach this port. */
  readonly attachment: NetworkAttachment;
  send(frame: Buffer): void;
  close(): Promise<void>;
}

const longestFrame = 65_550;
/** A machine that is paused does not read; its frames are dropped rather than kept. */
const longestBacklog = 1 << 20;

/** QEMU's `-netdev stream`: each frame after its length, four bytes, big-endian. The latest connection counts. */
export async function openStreamPort(path: string, received: (frame: Buffer) => void): Promise<SwitchPort> {
  let current: Socket | undefined;
  const server = createServer((socket) => {
    current?.destroy();
    current = socket;
    const split = frameSplitter(received, () => socket.destroy());
    socket.on("data", split);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      if (current === socket) current = undefined;
    });
  });
  await rm(path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ path }, resolve);
  });
  return {
    attachment: { kind: "stream", path },
    send: (frame) => {
      if (current === undefined || current.writableLength > longestBacklog) return;
      const length = Buffer.alloc(4);
      length.writeUInt32BE(frame.length);
      current.write(Buffer.concat([length, frame]));
    },
    close: async () => {
      current?.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** QEMU's `-netdev dgram`: each frame a UDP datagram. Whoever sent last gets the answers. */
export async function openDatagramPort(host: string, received: (frame: Buffer) => void): Promise<SwitchPort> {
  const socket = createSocket("udp4");
  let peer: { readonly address: string; readonly port: number } | undefined;
  socket.on("message", (frame, from) => {
    peer = from;
    received(frame);
  });
  // A peer that went away shows as an error of the next send; nothing is lost by it.
  socket.on("error", () => {});
  await new Promise<void>((resolve) => socket.bind({ address: host, port: 0 }, () => resolve()));
  return {
    attachment: { kind: "datagram", host, port: socket.address().port },
    send: (frame) => {
      if (peer !== undefined) socket.send(frame, peer.port, peer.address, () => {});
    },
    close: async () => await new Promise<void>((resolve) => socket.close(() => resolve())),
  };
}

function frameSplitter(received: (frame: Buffer) => void, refuse: () => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= 4) {
      const length = rest.readUInt32BE(0);
      if (length > longestFrame) return refuse();
      if (rest.length < 4 + length) return;
      received(rest.subarray(4, 4 + length));
      rest = rest.subarray(4 + length);
    }
  };
}
