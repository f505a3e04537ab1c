import type { Socket } from "node:net";
import { HostError, Hresult } from "../errors.ts";

/** Bytes of the largest thing a listener may ask: a sealed envelope in base64, and room to spare. */
export const maxRequest = 4 * 1024 * 1024;
/** Bytes of the largest answer: the definitions of ten thousand machines. */
export const maxAnswer = 64 * 1024 * 1024;

/**
 * Messages on the local socket: 4-byte length, then JSON in which byte strings are `{"$bytes": base64}`.
 *
 * @throws HostError `IPC_TOO_LARGE`, with nothing sent.
 */
export function sendMessage(socket: Socket, message: unknown, limit: number): void {
  const body = Buffer.from(JSON.stringify(message, encodeBytes), "utf8");
  if (body.length > limit) throw tooLarge(body.length, limit);
  const header = Buffer.alloc(4);
  header.writeUInt32BE(body.length, 0);
  socket.write(header);
  socket.write(body);
}

/** Calls `onMessage` for each message; destroys the socket on anything that is not one, or is larger than `limit`. */
export function receiveMessages(socket: Socket, limit: number, onMessage: (message: unknown) => void): void {
  let chunks: Buffer[] = [];
  let held = 0;
  /** Before so much is there, nothing can be read. */
  let needed = 4;
  socket.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    held += chunk.length;
    if (held < needed) return;
    let pending = Buffer.concat(chunks);
    for (;;) {
      needed = 4;
      if (pending.length < needed) break;
      const length = pending.readUInt32BE(0);
      if (length > limit) {
        socket.destroy(malformed(`a message of ${length} bytes`));
        return;
      }
      needed += length;
      if (pending.length < needed) break;
      const body = pending.subarray(4, needed);
      pending = pending.subarray(needed);
      let message: unknown;
      try {
        message = JSON.parse(body.toString("utf8"), decodeBytes);
      } catch {
        socket.destroy(malformed("a message that is not JSON"));
        return;
      }
      onMessage(message);
    }
    chunks = [pending];
    held = pending.length;
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

function tooLarge(length: number, limit: number): HostError {
  return new HostError(`what is asked for takes ${length} bytes, and ${limit} are the most that fit`, {
    code: "IPC_TOO_LARGE",
    family: "caller",
    hresult: Hresult.failed,
    facts: { bytes: length, limit },
    remedy: "Ask for less at once: fewer records, or one machine.",
  });
}

function malformed(what: string): HostError {
  return new HostError(`the other process sent ${what} on the local socket`, {
    code: "IPC_MALFORMED",
    family: "peer",
  });
}
