import type { CallOptions } from "@waybill/wsman";
import { WaybillSerialConsole } from "../classes/serial-console.ts";
import type { ConsoleEnd, ConsoleEndReason, ConsoleOutput } from "../model/serial-console.ts";
import type { WmiReference } from "../schema/wmi-reference.ts";
import type { HyperVClient } from "./hyperv-client.ts";

export interface SerialConsoleOptions extends CallOptions {
  /** Take the console from whoever has it open. */
  readonly takeOver?: boolean | undefined;
}

/** Milliseconds that a host may wait for its machine to say something before it answers with nothing. */
const patience = 10_000;
/** Bytes of one message to the host. */
const largestWrite = 16 * 1024;

/**
 * A machine's first serial port. A connection answers one question at a time: one client listens, the other speaks.
 * Reading and writing may be repeated after a lost answer.
 */
export class SerialConsole {
  readonly #listener: HyperVClient;
  readonly #speaker: HyperVClient;
  readonly #machine: WmiReference;
  readonly #session: string;
  #heard = 0;
  #said = 0;

  private constructor(listener: HyperVClient, speaker: HyperVClient, machine: WmiReference, session: string) {
    this.#listener = listener;
    this.#speaker = speaker;
    this.#machine = machine;
    this.#session = session;
  }

  /**
   * Opens the console.
   *
   * @throws HyperVError `NOT_A_WAYBILL_HOST`; WsmanError with the host's code: `ACCESS_DENIED`, `CONSOLE_BUSY`,
   * `CONSOLE_LIMIT`, `NOT_FOUND`.
   */
  static async open(
    clients: { readonly listener: HyperVClient; readonly speaker: HyperVClient },
    vmId: string,
    options: SerialConsoleOptions = {},
  ): Promise<SerialConsole> {
    const { takeOver, ...call } = options;
    const { listener, speaker } = clients;
    const machine = WaybillSerialConsole.referenceBy({ VirtualSystemIdentifier: vmId });
    const input = { TakeOver: takeOver === true };
    const { SessionID } = await speaker.wmi.invoke(WaybillSerialConsole, machine, "OpenConsole", input, call);
    return new SerialConsole(listener, speaker, machine, SessionID ?? "");
  }

  /** What was said since the last time; nothing when the machine is silent for a while. */
  async read(options: CallOptions = {}): Promise<ConsoleOutput & { readonly lost: number }> {
    const output = await this.#listener.wmi.invoke(
      WaybillSerialConsole,
      this.#machine,
      "ReadConsole",
      { SessionID: this.#session, Offset: this.#heard, Wait: patience },
      options,
    );
    const bytes = new Uint8Array(Buffer.from(output.Data ?? "", "base64"));
    const offset = output.Offset ?? this.#heard;
    const lost = Math.max(0, offset - this.#heard);
    this.#heard = offset + bytes.length;
    return { offset, bytes, lost, end: endOf(output) };
  }

  /** Types for the machine; gives back how many bytes were taken, from the first on: fewer when it is slow to read. */
  async write(bytes: Uint8Array, options: CallOptions = {}): Promise<number> {
    const piece = bytes.subarray(0, largestWrite);
    const { Offset } = await this.#speaker.wmi.invoke(
      WaybillSerialConsole,
      this.#machine,
      "WriteConsole",
      { SessionID: this.#session, Offset: this.#said, Data: Buffer.from(piece).toString("base64") },
      options,
    );
    const taken = Math.min(piece.length, Math.max(0, (Offset ?? this.#said) - this.#said));
    this.#said += taken;
    return taken;
  }

  /** Leaves the console to others. */
  async close(options: CallOptions = {}): Promise<void> {
    const input = { SessionID: this.#session };
    await this.#speaker.wmi.invoke(WaybillSerialConsole, this.#machine, "CloseConsole", input, options);
  }
}

function endOf(output: {
  readonly EndReason?: string | undefined;
  readonly MovedTo?: string | undefined;
  readonly TakenBy?: string | undefined;
}): ConsoleEnd | undefined {
  const { EndReason, MovedTo, TakenBy } = output;
  if (EndReason === undefined) return undefined;
  return { reason: EndReason as ConsoleEndReason, to: MovedTo, by: TakenBy };
}
