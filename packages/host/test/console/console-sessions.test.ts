import { VirtualClock } from "@waybill/base";
import type { ConsoleEnd } from "@waybill/hyperv";
import { afterEach, describe, expect, it } from "vitest";
import {
  type ConsoleRequest,
  ConsoleSessions,
  consoleIdleTime,
  consolesPerPerson,
  type LineEvents,
} from "../../src/console/console-sessions.ts";

const web01 = { id: "1", name: "web01" };
const alice = "alice@LAB.TEST";
const bob = "bob@LAB.TEST";
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

const stores: ConsoleSessions[] = [];
afterEach(() => {
  for (const store of stores.splice(0)) store.stop();
});

/** A host with machines that remember what was typed. */
function house() {
  const clock = new VirtualClock();
  const consoles = new ConsoleSessions(clock);
  stores.push(consoles);
  const lines: { events: LineEvents; typed: string; backlog: number; closed: boolean }[] = [];
  const ends: { person: string; end: ConsoleEnd }[] = [];
  const connect: ConsoleRequest["connect"] = async (events) => {
    const line = { events, typed: "", backlog: 0, closed: false };
    lines.push(line);
    return {
      write: (typed) => {
        line.typed += Buffer.from(typed).toString();
      },
      get backlog() {
        return line.backlog;
      },
      close: () => {
        line.closed = true;
      },
    };
  };
  const open = async (person = alice, more: Partial<ConsoleRequest> = {}): Promise<string> =>
    await consoles.open({
      person,
      vm: web01,
      takeOver: false,
      connect,
      onEnd: ({ owner }, end) => ends.push({ person: owner.person, end }),
      ...more,
    });
  const said = async (id: string, offset = 0, person = alice, wait = 0): Promise<string> =>
    Buffer.from((await consoles.read(person, id, offset, wait)).bytes).toString();
  return { clock, consoles, lines, ends, open, said };
}

describe("a console", () => {
  it("says what the machine said, as often as it is asked", async () => {
    const { lines, open, said } = house();
    const id = await open();
    lines[0]?.events.said(bytes("login: "));
    expect(await said(id)).toBe("login: ");
    expect(await said(id)).toBe("login: ");
    expect(await said(id, 3)).toBe("in: ");
    expect(await said(id, 7)).toBe("");
  });

  it("answers a question that waits as soon as something is said", async () => {
    const { lines, open, said } = house();
    const id = await open();
    const waiting = said(id, 0, alice, 60_000);
    await Promise.resolve();
    lines[0]?.events.said(bytes("x"));
    expect(await waiting).toBe("x");
  });

  it("answers the earlier of two questions at once, so that none pile up", async () => {
    const { consoles, lines, open, said } = house();
    const id = await open();
    const earlier = consoles.read(alice, id, 0, 60_000);
    const later = said(id, 0, alice, 60_000);
    expect((await earlier).bytes).toHaveLength(0);
    lines[0]?.events.said(bytes("x"));
    expect(await later).toBe("x");
  });

  it("waits for nobody: what is not asked for in time makes room, and that shows", async () => {
    const { consoles, lines, open } = house();
    const id = await open();
    const mebibyte = new Uint8Array(1 << 20).fill(7);
    lines[0]?.events.said(mebibyte);
    const { offset, bytes: read } = await consoles.read(alice, id, 0, 0);
    expect(offset).toBe((1 << 20) - 256 * 1024);
    expect(read).toHaveLength(64 * 1024);
  });

  it("takes what is typed once, however often it is sent", async () => {
    const { consoles, lines, open } = house();
    const id = await open();
    expect(consoles.write(alice, id, 0, bytes("ls"))).toBe(2);
    expect(consoles.write(alice, id, 0, bytes("ls"))).toBe(2);
    expect(consoles.write(alice, id, 0, bytes("ls -l"))).toBe(5);
    expect(consoles.write(alice, id, 5, bytes("\n"))).toBe(6);
    expect(lines[0]?.typed).toBe("ls -l\n");
  });

  it("takes nothing more while the machine does not read", async () => {
    const { consoles, lines, open } = house();
    const id = await open();
    const [line] = lines;
    if (line !== undefined) line.backlog = 1 << 20;
    expect(consoles.write(alice, id, 0, bytes("x"))).toBe(0);
    if (line !== undefined) line.backlog = 0;
    expect(consoles.write(alice, id, 0, bytes("x"))).toBe(1);
  });

  it("gives the rest of the output, then why it ended, and keeps saying so", async () => {
    const { consoles, lines, ends, open } = house();
    const id = await open();
    const end = { reason: "moved", to: "kvm02.lab.test" } as const;
    lines[0]?.events.said(new Uint8Array(100_000));
    lines[0]?.events.ended(end);
    lines[0]?.events.ended({ reason: "stopped" });
    const first = await consoles.read(alice, id, 0, 60_000);
    expect(first.end).toBeUndefined();
    const last = await consoles.read(alice, id, first.bytes.length, 60_000);
    expect(first.bytes.length + last.bytes.length).toBe(100_000);
    expect(last.end).toEqual(end);
    expect((await consoles.read(alice, id, 100_000, 60_000)).end).toEqual(end);
    expect(consoles.write(alice, id, 0, bytes("too late"))).toBe(0);
    expect(ends).toEqual([{ person: alice, end }]);
  });
});

describe("one machine, one person", () => {
  it("refuses a second one by name, also while the first is connecting", async () => {
    const { open } = house();
    const first = open();
    await expect(open(bob)).rejects.toMatchObject({
      code: "CONSOLE_BUSY",
      message: `${alice} is at the console of web01`,
    });
    await first;
    await expect(open(alice)).rejects.toMatchObject({ code: "CONSOLE_BUSY" });
  });

  it("hands the console over to whoever insists, and tells the other", async () => {
    const { consoles, lines, ends, open, said } = house();
    const first = await open();
    const waiting = consoles.read(alice, first, 0, 60_000);
    const second = await open(bob, { takeOver: true });
    const end = { reason: "taken-over", by: bob };
    expect((await waiting).end).toEqual(end);
    expect(ends).toEqual([{ person: alice, end }]);
    expect(lines.map(({ closed }) => closed)).toEqual([true, false]);
    lines[1]?.events.said(bytes("hi"));
    expect(await said(second, 0, bob)).toBe("hi");
  });

  it("hands over a console that is still connecting", async () => {
    const { consoles, open, lines } = house();
    let connected = (): void => {};
    const held = new Promise<void>((resolve) => {
      connected = resolve;
    });
    let closed = false;
    const line = {
      write: () => {},
      backlog: 0,
      close: () => {
        closed = true;
      },
    };
    const first = open(alice, { connect: async () => await held.then(() => line) });
    await open(bob, { takeOver: true });
    connected();
    expect((await consoles.read(alice, await first, 0, 60_000)).end).toMatchObject({ by: bob });
    expect(closed).toBe(true);
    expect(lines.map(({ closed: ended }) => ended)).toEqual([false]);
  });

  it("is free again after a connection that failed", async () => {
    const { ends, open } = house();
    const connect = async (): Promise<never> => await Promise.reject(new Error("no socket"));
    await expect(open(alice, { connect })).rejects.toThrow("no socket");
    await open(bob);
    expect(ends).toEqual([]);
  });

  it("frees the console of a client that is gone, and not of one that waits", async () => {
    const { clock, consoles, lines, ends, open } = house();
    const id = await open();
    const waiting = consoles.read(alice, id, 0, 60_000);
    clock.advance(consoleIdleTime * 2);
    consoles.expire();
    expect(ends).toEqual([]);
    lines[0]?.events.said(bytes("x"));
    await waiting;
    clock.advance(consoleIdleTime - 1);
    consoles.expire();
    expect(ends).toEqual([]);
    clock.advance(1);
    await open(bob);
    expect(ends).toEqual([{ person: alice, end: { reason: "idle" } }]);
    expect(lines[0]?.closed).toBe(true);
    await expect(consoles.read(alice, id, 0, 0)).rejects.toMatchObject({ code: "CONSOLE_UNKNOWN" });
  });

  it("frees the console of whoever leaves; leaving twice is nothing", async () => {
    const { consoles, ends, open } = house();
    const id = await open();
    consoles.close(alice, id);
    consoles.close(alice, id);
    await open(bob);
    expect(ends).toEqual([{ person: alice, end: { reason: "left" } }]);
  });

  it("ends with the service", async () => {
    const { consoles, ends, open } = house();
    await open();
    consoles.stop();
    expect(ends).toEqual([{ person: alice, end: { reason: "service-stopped" } }]);
  });
});

describe("what is not one's own", () => {
  it("is unknown, like what never was", async () => {
    const { consoles, lines, ends, open } = house();
    const id = await open();
    for (const [person, session] of [
      [bob, id],
      [alice, "no such session"],
      [alice, ""],
      [alice, "__proto__"],
    ] as const) {
      await expect(consoles.read(person, session, 0, 0)).rejects.toMatchObject({ code: "CONSOLE_UNKNOWN" });
      expect(() => consoles.write(person, session, 0, bytes("x"))).toThrow("no such console session");
      expect(() => consoles.owner(person, session)).toThrow("no such console session");
      consoles.close(person, session);
    }
    expect(lines[0]?.typed).toBe("");
    expect(ends).toEqual([]);
  });

  it("has limits: offsets that lie ahead, and consoles that one person holds", async () => {
    const { consoles, open } = house();
    const id = await open();
    await expect(consoles.read(alice, id, 1, 0)).rejects.toMatchObject({ code: "INVALID_REQUEST" });
    expect(() => consoles.write(alice, id, 1, bytes("x"))).toThrow("beyond the console's input");
    for (let number = 1; number < consolesPerPerson; number += 1)
      await open(alice, { vm: { id: `vm-${number}`, name: `vm-${number}` } });
    const more = { vm: { id: "more", name: "more" } };
    await expect(open(alice, more)).rejects.toMatchObject({ code: "CONSOLE_LIMIT" });
    await open(bob, more);
    // Taking one's own over again and again makes no room either.
    await expect(open(alice, { takeOver: true })).rejects.toMatchObject({ code: "CONSOLE_LIMIT" });
  });
});
