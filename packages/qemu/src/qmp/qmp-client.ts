import { connect, type Socket } from "node:net";
import { withDeadline } from "@waybill/base";
import { QmpError } from "../qmp-error.ts";
import { type QmpAnswer, type QmpCommand, type QmpEvent, qmpCommands } from "./commands.ts";
import { asObject, type JsonObject, numberOr, textField } from "./json-reader.ts";

export interface QmpWaitOptions {
  /** Milliseconds. */
  readonly timeout?: number;
  readonly signal?: AbortSignal | undefined;
}

interface Waiting {
  readonly command: string;
  readonly settle: (reply: JsonObject) => void;
  readonly fail: (error: QmpError) => void;
}

type EventListener = (event: QmpEvent) => void;

/** More than the longest real answer (the schema, about 300 kB), less than an attack on our memory. */
const longestLine = 8 << 20;
const usualTimeout = 10_000;

/**
 * One QMP connection to a running QEMU. QEMU serves one client per socket: a second connection gets no
 * greeting until the first has gone. Answers that never come end in a DeadlineError, answers that make no
 * sense close the connection with a QmpError; nothing waits for ever.
 */
export class QmpClient {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  readonly #listeners = new Set<EventListener>();
  readonly #closeListeners = new Set<(error: QmpError) => void>();
  #nextId = 1;
  #parts: Buffer[] = [];
  #length = 0;
  #closed: QmpError | undefined;
  #greeted: ((greeting: JsonObject) => void) | undefined;
  #outOfBand = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk) => this.#received(chunk));
    socket.on("error", (error) => this.#close(closedError("the connection broke", error)));
    socket.on("close", () => this.#close(closedError("QEMU closed the connection")));
  }

  /**
   * Connects, waits for the greeting and leaves negotiation mode.
   *
   * @throws QmpError QMP_UNREACHABLE when nobody listens, QMP_PROTOCOL when it is not QMP; DeadlineError when
   * there is no greeting in time (another client may hold the socket).
   */
  static async connect(path: string, options: QmpWaitOptions = {}): Promise<QmpClient> {
    const { timeout = usualTimeout, signal } = options;
    let socket: Socket | undefined;
    try {
      return await withDeadline({ what: `the QMP greeting on ${path}`, timeout, signal }, async () => {
        socket = await openSocket(path);
        const client = new QmpClient(socket);
        const greeting = await client.#greeting();
        const offered = asObject(greeting.QMP, "greeting").capabilities;
        client.#outOfBand = Array.isArray(offered) && offered.includes("oob");
        await client.execute("qmp_capabilities", client.#outOfBand ? { enable: ["oob"] } : {}, { timeout });
        return client;
      });
    } catch (error) {
      socket?.destroy();
      throw error;
    }
  }

  get closed(): boolean {
    return this.#closed !== undefined;
  }

  /**
   * Runs one command and reads its answer.
   *
   * @throws QmpError QMP_COMMAND_FAILED with QEMU's own words, QMP_CLOSED, QMP_PROTOCOL; DeadlineError.
   */
  async execute<C extends QmpCommand>(
    command: C,
    args: Readonly<Record<string, unknown>> = {},
    options: QmpWaitOptions = {},
  ): Promise<QmpAnswer<C>> {
    const reply = await this.#send("execute", command, args, options);
    return qmpCommands[command](reply) as QmpAnswer<C>;
  }

  /** Runs a command even while QEMU's main loop is stuck, where QEMU allows it (`yank`, `migrate-pause`). */
  async executeOutOfBand<C extends QmpCommand>(
    command: C,
    args: Readonly<Record<string, unknown>> = {},
    options: QmpWaitOptions = {},
  ): Promise<QmpAnswer<C>> {
    const reply = await this.#send(this.#outOfBand ? "exec-oob" : "execute", command, args, options);
    return qmpCommands[command](reply) as QmpAnswer<C>;
  }

  /** Calls `listener` for every event from now on. Returns how to stop. */
  onEvent(listener: EventListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Calls `listener` once, when the connection is gone. Returns how to stop. */
  onClose(listener: (error: QmpError) => void): () => void {
    if (this.#closed !== undefined) {
      const error = this.#closed;
      queueMicrotask(() => listener(error));
    } else this.#closeListeners.add(listener);
    return () => void this.#closeListeners.delete(listener);
  }

  /** The next event that fits. Ask before causing it: past events are not kept. */
  async waitForEvent(
    what: string,
    fits: (event: QmpEvent) => boolean,
    options: QmpWaitOptions = {},
  ): Promise<QmpEvent> {
    const { timeout = usualTimeout, signal } = options;
    const stops: (() => void)[] = [];
    try {
      return await withDeadline({ what, timeout, signal }, async () => {
        return await new Promise<QmpEvent>((resolve, reject) => {
          stops.push(this.onEvent((event) => (fits(event) ? resolve(event) : undefined)));
          stops.push(this.onClose(reject));
        });
      });
    } finally {
      for (const stop of stops) stop();
    }
  }

  close(): void {
    this.#close(closedError("the connection was closed here"));
  }

  async #send(
    verb: "execute" | "exec-oob",
    command: string,
    args: Readonly<Record<string, unknown>>,
    options: QmpWaitOptions,
  ): Promise<unknown> {
    const { timeout = usualTimeout, signal } = options;
    if (this.#closed !== undefined) throw this.#closed;
    const id = this.#nextId++;
    const reply = await withDeadline(
      { what: `QEMU's answer to ${command}`, timeout, signal },
      async (stopped) => {
        return await new Promise<JsonObject>((settle, fail) => {
          this.#waiting.set(id, { command, settle, fail });
          // The answer may still come: it is then known by its id and dropped.
          stopped.addEventListener("abort", () => this.#waiting.delete(id), { once: true });
          const hasArguments = Object.keys(args).length > 0;
          this.#socket.write(
            `${JSON.stringify({ [verb]: command, id, ...(hasArguments ? { arguments: args } : {}) })}\n`,
          );
        });
      },
    );
    if (reply.error !== undefined) throw commandFailed(command, asObject(reply.error, "error"));
    return reply.return;
  }

  async #greeting(): Promise<JsonObject> {
    return await new Promise((resolve, reject) => {
      this.#greeted = resolve;
      this.onClose(reject);
    });
  }

  #received(chunk: Buffer): void {
    let rest = chunk;
    for (;;) {
      const end = rest.indexOf(0x0a);
      if (end < 0) break;
      this.#parts.push(rest.subarray(0, end));
      const line = Buffer.concat(this.#parts).toString("utf8").trim();
      this.#parts = [];
      this.#length = 0;
      rest = rest.subarray(end + 1);
      if (line !== "") this.#line(line);
      if (this.#closed !== undefined) return;
    }
    this.#length += rest.length;
    if (this.#length > longestLine) this.#close(protocolError("an answer is longer than 8 MiB"));
    else if (rest.length > 0) this.#parts.push(rest);
  }

  #line(line: string): void {
    try {
      this.#message(asObject(JSON.parse(line), "a message"));
    } catch (error) {
      this.#close(error instanceof QmpError ? error : protocolError("it is not JSON", error));
    }
  }

  #message(message: JsonObject): void {
    if (message.QMP !== undefined) {
      asObject(message.QMP, "greeting");
      this.#greeted?.(message);
    } else if (message.event !== undefined) this.#event(message);
    else this.#reply(message);
  }

  #event(message: JsonObject): void {
    const stamp = message.timestamp === undefined ? {} : asObject(message.timestamp, "timestamp");
    const event: QmpEvent = {
      name: textField(message, "event"),
      data: message.data === undefined ? {} : asObject(message.data, "data"),
      at: numberOr(stamp, "seconds", 0) * 1000 + numberOr(stamp, "microseconds", 0) / 1000,
    };
    for (const listener of this.#listeners) listener(event);
  }

  #reply(message: JsonObject): void {
    const { id } = message;
    if (typeof id !== "number" || !Number.isInteger(id) || id < 1 || id >= this.#nextId)
      throw protocolError("it answers a command that was never sent");
    const waiting = this.#waiting.get(id);
    if (message.return === undefined && message.error === undefined)
      throw protocolError(`its answer to ${waiting?.command ?? "a command"} has no result`);
    this.#waiting.delete(id);
    waiting?.settle(message);
  }

  #close(error: QmpError): void {
    if (this.#closed !== undefined) return;
    this.#closed = error;
    this.#socket.destroy();
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { fail } of waiting) fail(error);
    for (const listener of this.#closeListeners) listener(error);
    this.#closeListeners.clear();
    this.#listeners.clear();
  }
}

async function openSocket(path: string): Promise<Socket> {
  return await new Promise((resolve, reject) => {
    const socket = connect({ path });
    socket.once("connect", () => resolve(socket));
    socket.once("error", (cause) => {
      const facts = { path };
      reject(
        new QmpError(`no QEMU answers on ${path}`, {
          code: "QMP_UNREACHABLE",
          family: "environment",
          facts,
          cause,
          remedy: "Check that the machine's QEMU runs, and its log.",
        }),
      );
    });
  });
}

function closedError(why: string, cause?: unknown): QmpError {
  return new QmpError(`no more answers from QEMU: ${why}`, {
    code: "QMP_CLOSED",
    family: "environment",
    cause,
    remedy: "See the machine's QEMU log for why it ended.",
  });
}

function protocolError(why: string, cause?: unknown): QmpError {
  return new QmpError(`QEMU's monitor does not keep to QMP: ${why}`, {
    code: "QMP_PROTOCOL",
    family: "peer",
    cause,
  });
}

function commandFailed(command: string, error: JsonObject): QmpError {
  const description = typeof error.desc === "string" ? error.desc.slice(0, 1000) : "no reason given";
  return new QmpError(`QEMU refused ${command}: ${description}`, {
    code: "QMP_COMMAND_FAILED",
    family: "peer",
    facts: { command, class: String(error.class).slice(0, 60), description },
  });
}
