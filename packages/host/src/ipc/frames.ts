import type { Socket } from "node:net";
import { HostError } from "../errors.ts";

/** Largest message between listener and service: a sealed envelope in base64, and room to spare. */
const maxMessage = 4 * 1024 * 1024;

/** Messages on the local socket: 4-byte length, then JSON in which byte strings are `{"$bytes": base64}`. */
export function sendMessage(socket: Socket, message: unknown): void {
  const body = Buffer.from(JSON.stringify(message, encodeBytes), "utf8");
  const header = Buffer.alloc(4);
  header.writeUInt32BE(body.length, 0);
  socket.write(Buffer.concat([header, body]));
}

/** Calls `onMessage` for each message; destroys the socket on anything that is not one. */
export function receiveMessages(socket: Socket, onMessage: (message: unknown) => void): void {
  let pending = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= 4) {
      const length = pending.readUInt32BE(0);
      if (length > maxMessage) {
        socket.destroy(malformed(`a message of ${length} bytes`));
        return;
      }
      if (pending.length < 4 + length) return;
      const body = pending.subarray(4, 4 + length);
      pending = pending.subarray(4 + length);
      let message: unknown;
      try {
        message = JSON.parse(body.toString("utf8"), decodeBytes);
      } catch {
        socket.destroy(malformed("a message that is not JSON"));
        return;
      }
      onMessage(message);
    }
  });
}

function encodeBytes(this: unknown, key: string, value: unknown): unknown {
  // Buffer has turned itself into JSON before a replacer sees it: look at the holder's own value.
  const original = (this as Record<string, unknown>)[key];
  return original instanceof Uint8Array ? { $bytes: Buffer.from(original).toString("base64") } : value;
}

function decodeBytes(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || !("$bytes" in value)) return value;
  return typeof value.$bytes === "string" ? new Uint8Array(Buffer.from(value.$bytes, "base64")) : value;
}

function malformed(what: string): HostError {
  return new HostError(`the other process sent ${what} on the local socket`, {
    code: "IPC_MALFORMED",
    family: "peer",
  });
}
