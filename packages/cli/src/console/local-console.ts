import { once } from "node:events";
import type { Socket } from "node:net";
import { join } from "node:path";
import { connectConsole } from "@waybill/qemu";
import { ConsoleInput } from "./console-input.ts";
import { type ConsoleLine, converse, say } from "./converse.ts";

/**
 * Sits at the serial port of a machine of this very host, asking nobody: for the day on which the host's service or
 * the domain does not answer.
 *
 * @param directory the machine's folder below the host's run folder.
 * @throws QmpError `CONSOLE_UNREACHABLE`
 */
export async function localConsole(directory: string): Promise<void> {
  const socket = await connectConsole(join(directory, "run", "console.sock"), directory);
  const input = new ConsoleInput();
  try {
    say("Connected; Ctrl-] leaves.");
    input.start();
    await converse(socketLine(socket), input);
  } finally {
    input.close();
    socket.destroy();
  }
}

function socketLine(socket: Socket): ConsoleLine {
  const chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let offset = 0;
  return {
    read: async () => {
      const { value, done } = await chunks.next();
      const bytes = done === true ? new Uint8Array() : new Uint8Array(value);
      offset += bytes.length;
      const output = { offset: offset - bytes.length, bytes, lost: 0 };
      return done === true ? { ...output, end: { reason: "stopped" } } : output;
    },
    write: async (bytes, { signal }) => {
      if (!socket.write(bytes)) await once(socket, "drain", { signal });
      return bytes.length;
    },
  };
}
