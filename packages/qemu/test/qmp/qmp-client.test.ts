import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { QmpClient } from "../../src/index.ts";

const runs = Math.min(20_000, Number(process.env.WAYBILL_FUZZ_RUNS ?? 1000));

const greeting =
  '{"QMP":{"version":{"qemu":{"major":7,"minor":2,"micro":22},"package":""},"capabilities":["oob"]}}\n';

// A QEMU that says whatever a test wants.
describe("the QMP client", () => {
  let directory: string;
  let path: string;
  let server: Server | undefined;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "wb-qmp-"));
    path = join(directory, "qmp.sock");
  });
  afterEach(async () => {
    server?.close();
    await rm(directory, { recursive: true });
  });

  async function serve(
    answer: (request: { execute?: string; "exec-oob"?: string; id: number }, socket: Socket) => void,
    first = greeting,
  ): Promise<void> {
    server = createServer((socket) => {
      socket.on("error", () => {});
      socket.write(first);
      let rest = "";
      socket.on("data", (chunk) => {
        const lines = (rest + chunk.toString()).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) {
          const request = JSON.parse(line) as { execute: string; id: number };
          if (request.execute === "qmp_capabilities") socket.write(`{"return":{},"id":${request.id}}\n`);
          else answer(request, socket);
        }
      });
    });
    await new Promise<void>((resolve) => server?.listen(path, resolve));
  }

  test("runs commands, keeps answers apart and delivers events", async () => {
    const held: string[] = [];
    await serve(({ execute, id }, socket) => {
      const state = execute === "query-status" ? { status: "running", running: true } : { UUID: "u" };
      held.unshift(`${JSON.stringify({ return: state, id })}\n`);
      if (held.length < 2) return;
      socket.write('{"event":"STOP","timestamp":{"seconds":10,"microseconds":500}}\n');
      // In the wrong order, in two pieces.
      const all = held.join("");
      socket.write(all.slice(0, 10));
      setTimeout(() => socket.write(all.slice(10)), 5);
    });
    const client = await QmpClient.connect(path);
    const event = client.waitForEvent("STOP", ({ name }) => name === "STOP");
    const answers = await Promise.all([client.execute("query-status"), client.execute("query-uuid")]);
    expect(answers).toEqual([{ status: "running", running: true }, { uuid: "u" }]);
    expect(await event).toEqual({ name: "STOP", data: {}, at: 10_000.5 });
    client.close();
  });

  test("uses out-of-band execution where it is offered", async () => {
    await serve((request, socket) => {
      expect(request["exec-oob"]).toBe("yank");
      socket.write(`{"return":{},"id":${request.id}}\n`);
    });
    const client = await QmpClient.connect(path);
    await client.executeOutOfBand("yank", { instances: [] });
    client.close();
  });

  test("QEMU's refusal comes with QEMU's words", async () => {
    await serve(({ id }, socket) => {
      socket.write(`{"error":{"class":"GenericError","desc":"no such thing"},"id":${id}}\n`);
    });
    const client = await QmpClient.connect(path);
    await expect(client.execute("cont")).rejects.toMatchObject({
      code: "QMP_COMMAND_FAILED",
      facts: { command: "cont", description: "no such thing" },
    });
    client.close();
  });

  test("an answer that never comes ends in the deadline; the late one disturbs nothing", async () => {
    let late: (() => void) | undefined;
    await serve(({ execute, id }, socket) => {
      if (execute === "cont") late = () => socket.write(`{"return":{},"id":${id}}\n`);
      else socket.write(`{"return":{"UUID":"u"},"id":${id}}\n`);
    });
    const client = await QmpClient.connect(path);
    await expect(client.execute("cont", {}, { timeout: 30 })).rejects.toMatchObject({
      code: "DEADLINE_EXCEEDED",
    });
    late?.();
    expect(await client.execute("query-uuid")).toEqual({ uuid: "u" });
    client.close();
  });

  test("the caller's signal ends the waiting", async () => {
    await serve(() => {});
    const client = await QmpClient.connect(path);
    const answer = client.execute("cont", {}, { signal: AbortSignal.timeout(20) });
    await expect(answer).rejects.toMatchObject({ code: "ABORTED" });
    client.close();
  });

  test("no greeting, no listener, a wrong greeting", async () => {
    await expect(QmpClient.connect(path)).rejects.toMatchObject({ code: "QMP_UNREACHABLE" });
    await serve(() => {}, "");
    await expect(QmpClient.connect(path, { timeout: 50 })).rejects.toMatchObject({
      code: "DEADLINE_EXCEEDED",
    });
    server?.close();
    await rm(path, { force: true });
    await serve(() => {}, "220 mail ready\n");
    await expect(QmpClient.connect(path)).rejects.toMatchObject({ code: "QMP_PROTOCOL" });
  });

  test.each([
    ["not JSON", "{{{\n", "QMP_PROTOCOL"],
    ["a list", "[1,2]\n", "QMP_PROTOCOL"],
    ["an answer to nothing", '{"return":{},"id":4711}\n', "QMP_PROTOCOL"],
    ["an answer without a number", '{"return":{}}\n', "QMP_PROTOCOL"],
    ["an event without a name", '{"event":7}\n', "QMP_PROTOCOL"],
    ["an error that is none", '{"error":"no","id":2}\n', "QMP_PROTOCOL"],
    ["an answer of the wrong kind", '{"return":[],"id":2}\n', "QMP_PROTOCOL"],
    ["neither answer nor error", '{"id":2}\n', "QMP_PROTOCOL"],
  ])("hostile: %s", async (_, line, code) => {
    await serve((_request, socket) => socket.write(line));
    const client = await QmpClient.connect(path);
    await expect(client.execute("query-status", {}, { timeout: 20_000 })).rejects.toMatchObject({ code });
    client.close();
  });

  test("hostile: a line without an end", async () => {
    await serve((_request, socket) => {
      const chunk = "x".repeat(1 << 20);
      const more = (): void => {
        if (!socket.destroyed && socket.write(chunk)) setImmediate(more);
        else socket.once("drain", more);
      };
      more();
    });
    const client = await QmpClient.connect(path);
    await expect(client.execute("query-status")).rejects.toMatchObject({ code: "QMP_PROTOCOL" });
    expect(client.closed).toBe(true);
  });

  test("QEMU's end fails everything that waits, and everything after", async () => {
    await serve((_request, socket) => socket.destroy());
    const client = await QmpClient.connect(path);
    const event = client.waitForEvent("STOP", () => false);
    await expect(client.execute("query-status")).rejects.toMatchObject({ code: "QMP_CLOSED" });
    await expect(event).rejects.toMatchObject({ code: "QMP_CLOSED" });
    await expect(client.execute("cont")).rejects.toMatchObject({ code: "QMP_CLOSED" });
  });

  test("mutated answers give a result or one of our errors", { timeout: 60_000 + 50 * runs }, async () => {
    let line = "";
    await serve((request, socket) => socket.write(`${line.replace('"ID"', String(request.id))}\n`));
    const seed =
      '{"return":{"status":"active","ram":{"transferred":1,"mbps":2.5},"socket-address":[]},"id":"ID"}';
    const mutation = fc.array(fc.tuple(fc.nat(seed.length), fc.string({ maxLength: 3 })), {
      minLength: 1,
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(mutation, async (changes) => {
        line = seed;
        for (const [at, text] of changes)
          line = line.slice(0, at) + text.replaceAll("\n", "") + line.slice(at + 1);
        const client = await QmpClient.connect(path);
        try {
          await client.execute("query-migrate", {}, { timeout: 100 });
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^(QMP_|DEADLINE)/) as string });
        } finally {
          client.close();
        }
      }),
      { numRuns: runs },
    );
  });
});
