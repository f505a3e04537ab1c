import { sleep, WaybillError } from "@waybill/base";
import { type ConsoleEnd, type HyperVClient, isPassing, SerialConsole } from "@waybill/hyperv";
import { ConsoleInput } from "./console-input.ts";
import { converse, isForgotten, persistently, say } from "./converse.ts";

export interface RemoteConsoleOptions {
  /** The machine's name or id. */
  readonly machine: string;
  readonly host: string;
  /** Take the console from whoever has it open. */
  readonly takeOver: boolean;
  /** A client for a host, as the person. */
  readonly connect: (host: string) => Promise<HyperVClient>;
}

interface Clients {
  readonly listener: HyperVClient;
  readonly speaker: HyperVClient;
}

interface Machine {
  readonly id: string;
  readonly name: string;
}

/** Until the machine has been taken over there, and is known by name. */
const arriving: ReadonlySet<string> = new Set(["NOT_FOUND", "VM_NOT_OURS"]);

/**
 * Sits at a machine's serial port until the person leaves or the machine ends, and follows it to other hosts.
 *
 * @throws WaybillError `CONSOLE_TAKEN_OVER`, and what `SerialConsole.open` throws.
 */
export async function remoteConsole(options: RemoteConsoleOptions): Promise<void> {
  const { connect } = options;
  const input = new ConsoleInput();
  let { host, takeOver } = options;
  let machine: Machine | undefined;
  try {
    for (;;) {
      const clients: Clients = { listener: await connect(host), speaker: await connect(host) };
      try {
        const again = machine !== undefined;
        machine ??= await clients.speaker.findVm(options.machine);
        const { id, name } = machine;
        const signal = input.leaving;
        const open = (): Promise<SerialConsole> => SerialConsole.open(clients, id, { takeOver, signal });
        const console = again ? await persistently(open, signal, mayArrive) : await open();
        say(`Connected to ${name} on ${clients.speaker.host}; Ctrl-] leaves.`);
        input.start();
        const end = await sit(console, input);
        if (end.reason === "left" || end.reason === "stopped") {
          say(end.reason === "left" ? `Left the console of ${name}.` : `${name} does not run any more.`);
          return;
        }
        if (end.reason === "taken-over") throw takenOver(name, end.by);
        takeOver = false;
        if (end.reason === "moved") {
          host = end.to ?? host;
          say(`${name} moved to ${host}; connecting there.`);
          continue;
        }
        say(`${clients.speaker.host} ended the session: ${words[end.reason]}. Connecting again.`);
        // A host that ends every session at once is not asked at full speed.
        await sleep(1000, signal);
      } finally {
        for (const client of Object.values(clients) as HyperVClient[]) client.close();
      }
    }
  } catch (error) {
    if (!input.leaving.aborted) throw error;
  } finally {
    input.close();
  }
}

const words = {
  idle: "its service was restarted, or heard nothing of this workstation for a while",
  "service-stopped": "its service stops",
} as const;

async function sit(console: SerialConsole, input: ConsoleInput): Promise<ConsoleEnd> {
  try {
    return await converse(console, input);
  } catch (error) {
    if (isForgotten(error)) return { reason: "idle" };
    throw error;
  } finally {
    // A host that does not hear this frees the console by itself.
    await console.close({ timeout: 3000 }).catch(() => {});
  }
}

function mayArrive(error: unknown): boolean {
  return isPassing(error) || (error instanceof WaybillError && arriving.has(error.code));
}

function takenOver(machine: string, by = "somebody"): WaybillError {
  return new WaybillError(`${by} took the console of ${machine} over`, {
    code: "CONSOLE_TAKEN_OVER",
    family: "peer",
    facts: { machine, by },
    remedy: "Come to terms with them; --take-over takes it back.",
  });
}
