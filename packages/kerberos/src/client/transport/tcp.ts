import { connect } from "node:net";
import { KerberosError } from "../../errors.ts";
import type { Attempt } from "./udp.ts";

/** Longer than any real answer; a peer that announces more is not a KDC. */
const maxMessage = 4 * 1024 * 1024;

/** One request and answer over a TCP connection, each behind its length in four bytes: RFC 4120 section 7.2.2. */
export function tcpExchange(host: string, port: number, request: Uint8Array): Attempt {
  const socket = connect({ host, port, noDelay: true });
  const answer = new Promise<Uint8Array>((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let received = 0;
    let expected: number | undefined;
    const fail = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    socket.on("connect", () => socket.write(framed(request)));
    socket.on("data", (chunk: Uint8Array) => {
      chunks.push(chunk);
      received += chunk.length;
      if (expected === undefined && received >= 4) {
        const length = Buffer.concat(chunks).readUInt32BE(0);
        if (length > maxMessage) return fail(badFrame(`an answer of ${length} bytes is announced`));
        expected = length + 4;
      }
      if (expected === undefined || received < expected) return;
      socket.destroy();
      const [only] = chunks;
      const whole = chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, received);
      resolve(whole.subarray(4, expected));
    });
    socket.on("error", fail);
    socket.on("close", () => reject(badFrame("the connection was closed before the answer was complete")));
  });
  return { answer, cancel: () => socket.destroy() };
}

/** The message behind its length, as TCP and the KDC proxy carry it. */
export function framed(message: Uint8Array): Uint8Array {
  const frame = Buffer.allocUnsafe(4 + message.length);
  frame.writeUInt32BE(message.length, 0);
  frame.set(message, 4);
  return frame;
}

/** KDC_BAD_FRAME: what answered does not speak as a KDC does. */
export function badFrame(what: string): KerberosError {
  return new KerberosError(`no valid answer came from the KDC: ${what}`, { code: "KDC_BAD_FRAME" });
}
