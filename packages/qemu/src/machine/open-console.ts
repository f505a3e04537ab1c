import { once } from "node:events";
import { constants } from "node:fs";
import { lstat, open } from "node:fs/promises";
import { createConnection, type Socket } from "node:net";
import { dirname } from "node:path";
import { sleep } from "@waybill/base";
import type { QmpWaitOptions } from "../qmp/qmp-client.ts";
import { QmpError } from "../qmp-error.ts";
import type { VirtualMachine } from "./virtual-machine.ts";

/** How long QEMU may take to notice that an earlier client has left, in milliseconds. */
const farewell = 2000;

/**
 * Connects to a machine's first serial port. QEMU serves one client; a second one would wait in silence for the
 * first to leave.
 *
 * @throws QmpError `CONSOLE_BUSY` when another program on this host is connected, `CONSOLE_UNREACHABLE`; VM_GONE.
 */
export async function openConsole(machine: VirtualMachine, options: QmpWaitOptions = {}): Promise<Socket> {
  const patience = performance.now() + farewell;
  while (await isTaken(machine, options)) {
    if (performance.now() > patience) throw taken(machine.name);
    await sleep(20, options.signal);
  }
  return await connectConsole(machine.consoleSocket, machine.name);
}

/** Linux's O_PATH, for which Node has no name: the file itself, neither read nor written. */
const pathOnly = 0o10000000;

/** @throws QmpError `CONSOLE_UNREACHABLE` */
export async function connectConsole(path: string, name: string): Promise<Socket> {
  try {
    const file = await open(path, pathOnly | constants.O_NOFOLLOW);
    try {
      // QEMU's user owns that folder: it must not lead what a person types to somebody else's socket.
      const { uid } = await lstat(dirname(path));
      const found = await file.stat();
      if (!found.isSocket() || found.uid !== uid) throw new Error("it is not a socket of QEMU's");
      const socket = createConnection(`/proc/self/fd/${file.fd}`);
      await once(socket, "connect");
      return socket;
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw new QmpError(`the console of ${name} cannot be reached`, {
      code: "CONSOLE_UNREACHABLE",
      family: "environment",
      facts: { name, path },
      remedy: "Check that the machine runs and that the socket may be opened by this user.",
      cause,
    });
  }
}

async function isTaken(machine: VirtualMachine, options: QmpWaitOptions): Promise<boolean> {
  const devices = await machine.execute("query-chardev", {}, options);
  const console = devices.find(({ name }) => name === "console");
  return console !== undefined && !console.place.startsWith("disconnected:");
}

function taken(name: string): QmpError {
  return new QmpError(`a program on the host itself is at the console of ${name}`, {
    code: "CONSOLE_BUSY",
    family: "caller",
    facts: { name },
    remedy:
      "End it there: whoever opened the machine's socket with `waybill vm console --directory` or socat.",
  });
}
