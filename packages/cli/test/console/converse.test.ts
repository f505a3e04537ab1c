import { PassThrough } from "node:stream";
import type { ReadStream } from "node:tty";
import { AbortedError, WaybillError } from "@waybill/base";
import type { ConsoleEnd, ConsoleOutput } from "@waybill/hyperv";
import { WsmanError } from "@waybill/wsman";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ConsoleInput } from "../../src/console/console-input.ts";
import { type ConsoleLine, converse } from "../../src/console/converse.ts";

/** A terminal that counts who made it raw. */
class Keyboard extends PassThrough {
  isTTY = true;
  isRaw = false;
  setRawMode(raw: boolean): this {
    this.isRaw = raw;
    return this;
  }
}

/** A machine's line: what it says is pushed, what it takes is kept. */
class Line implements ConsoleLine {
  taken = "";
  room = Number.POSITIVE_INFINITY;
  failures: unknown[] = [];
  readonly #waiting: (ConsoleOutput & { lost: number })[] = [];
  #wake = (): void => {};

  say(text: string, end?: ConsoleEnd, lost = 0): void {
    this.#waiting.push({ offset: 0, bytes: new Uint8Array(Buffer.from(text)), lost, end });
    this.#wake();
  }

  async read({ signal }: { readonly signal: AbortSignal }): Promise<ConsoleOutput & { lost: number }> {
    for (;;) {
      if (signal.aborted) throw new AbortedError("reading", signal.reason);
      const next = this.#waiting.shift();
      if (next !== undefined) return next;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
  }

  async write(bytes: Uint8Array): Promise<number> {
    const failure = this.failures.shift();
    if (failure !== undefined) throw failure;
    const count = Math.min(bytes.length, this.room);
    this.taken += Buffer.from(bytes.subarray(0, count)).toString();
    return count;
  }
}

let keyboard: Keyboard;
let input: ConsoleInput;
let line: Line;
let shown: string;
let noted: string;

beforeEach(() => {
  keyboard = new Keyboard();
  input = new ConsoleInput(keyboard as unknown as ReadStream);
  line = new Line();
  shown = "";
  noted = "";
  vi.spyOn(process.stdout, "write").mockImplementation((bytes) => {
    shown += Buffer.from(bytes as Uint8Array).toString();
    return true;
  });
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    noted += String(text);
    return true;
  });
  input.start();
});
afterEach(() => {
  input.close();
  vi.restoreAllMocks();
});

async function until(done: () => boolean): Promise<void> {
  await vi.waitUntil(done, { timeout: 20_000, interval: 5 });
}

describe("at a console", () => {
  it("what is typed goes to the machine, what it says is shown, and its end is the end", async () => {
    const over = converse(line, input);
    keyboard.write("ls\r");
    await until(() => line.taken === "ls\r");
    line.say("a  b\r\n");
    line.say("", { reason: "moved", to: "kvm02" });
    expect(await over).toEqual({ reason: "moved", to: "kvm02" });
    expect(shown).toBe("a  b\r\n");
  });

  it("the key leaves, also while the machine takes nothing; Ctrl-C is the machine's", async () => {
    const over = converse(line, input);
    keyboard.write("\u0003");
    await until(() => line.taken === "\u0003");
    line.room = 0;
    keyboard.write("stuck");
    keyboard.write("\u001d");
    expect(await over).toEqual({ reason: "left" });
    expect(line.taken).toBe("\u0003");
  });

  it("the terminal is raw until the console is closed", () => {
    expect(keyboard.isRaw).toBe(true);
    input.close();
    expect(keyboard.isRaw).toBe(false);
  });

  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "%s leaves, and does not end the program",
    async (name) => {
      const over = converse(line, input);
      process.emit(name);
      expect(await over).toEqual({ reason: "left" });
    },
  );

  it("a machine that reads slowly gets everything once", async () => {
    const over = converse(line, input);
    line.room = 2;
    keyboard.write("abcdef");
    await until(() => line.taken === "abcdef");
    keyboard.write("\u001d");
    await over;
  });

  it("an answer that was lost on the way is asked for again", async () => {
    line.failures.push(new WsmanError("broke", { code: "WSMAN_CONNECTION_LOST", family: "environment" }));
    const over = converse(line, input);
    keyboard.write("x");
    await until(() => line.taken === "x");
    keyboard.write("\u001d");
    await over;
  });

  it("what a host that forgot the session did not take waits for the next one", async () => {
    line.failures.push(new WaybillError("unknown", { code: "CONSOLE_UNKNOWN", family: "caller" }));
    const over = converse(line, input);
    keyboard.write("date\r");
    await until(() => line.failures.length === 0);
    line.say("", { reason: "idle" });
    expect(await over).toEqual({ reason: "idle" });
    const next = new Line();
    const again = converse(next, input);
    await until(() => next.taken === "date\r");
    keyboard.write("\u001d");
    await again;
  });

  it("a refusal is the end", async () => {
    line.failures.push(new WaybillError("no", { code: "ACCESS_DENIED", family: "caller" }));
    keyboard.write("x");
    await expect(converse(line, input)).rejects.toMatchObject({ code: "ACCESS_DENIED" });
  });

  it("says how much was lost", async () => {
    line.say("tail", { reason: "stopped" }, 4096);
    await converse(line, input);
    expect(noted).toContain("4096 bytes lost");
    expect(shown).toBe("tail");
  });
});

describe("without a terminal", () => {
  beforeEach(() => {
    keyboard.isTTY = false;
  });

  it("what is piped in is typed to its end, and the machine has a while to answer", async () => {
    const over = converse(line, input);
    keyboard.end("uptime\n");
    await until(() => line.taken === "uptime\n");
    line.say("up 3 days\r\n");
    expect(await over).toEqual({ reason: "left" });
    expect(shown).toBe("up 3 days\r\n");
  });

  it("the key ends what is typed, and what came before it is sent", async () => {
    const over = converse(line, input);
    keyboard.write("date\n\u001drest");
    expect(await over).toEqual({ reason: "left" });
    expect(line.taken).toBe("date\n");
  });
});
