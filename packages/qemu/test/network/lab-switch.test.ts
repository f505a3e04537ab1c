import { createSocket, type Socket } from "node:dgram";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { LabSwitch, type NetworkAttachment } from "../../src/index.ts";
import {
  arpFrame,
  broadcastMac,
  echoFrame,
  internetChecksum,
  parseFrame,
  type Station,
} from "../../src/network/frames.ts";
import { parseHeartbeat } from "../../src/network/heartbeat.ts";

const runs = Number(process.env.WAYBILL_FUZZ_RUNS ?? 100_000);

const alice: Station = { mac: "52:54:00:00:00:0a", ip: "10.77.0.10" };
const bob: Station = { mac: "52:54:00:00:00:0b", ip: "10.77.0.11" };
const carol: Station = { mac: "52:54:00:00:00:0c", ip: "10.77.0.12" };

// The classic example of RFC 1071, section 3: 0001 f203 f4f5 f6f7 sum to ddf2.
test("RFC 1071: the internet checksum", () => {
  expect(internetChecksum(Buffer.from("0001f203f4f5f6f7", "hex"))).toBe(~0xddf2 & 0xffff);
});

describe("frames", () => {
  test("ARP and ICMP come back as they were sent", () => {
    expect(parseFrame(arpFrame(1, alice, { mac: broadcastMac, ip: bob.ip }))).toEqual({
      kind: "arp",
      operation: 1,
      sender: alice,
      target: bob.ip,
    });
    const echo = { reply: false, identifier: 7, sequence: 9, data: Buffer.from("hello") };
    const packet = parseFrame(echoFrame(alice, bob, echo));
    expect(packet).toEqual({ kind: "echo", ...echo, from: alice, to: bob.ip });
  });

  test("mutated frames are parsed or ignored", { timeout: 60_000 + 5 * runs }, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        parseFrame(Buffer.from(bytes));
        parseHeartbeat(Buffer.from(bytes));
        const seed = Buffer.concat([
          echoFrame(alice, bob, { reply: true, identifier: 1, sequence: 1, data: Buffer.alloc(8) }),
        ]);
        Buffer.from(bytes).copy(seed, 12);
        parseFrame(seed);
        parseFrame(seed.subarray(0, bytes.length));
      }),
      { numRuns: runs },
    );
  });
});

describe("the lab's switch", () => {
  let lab: LabSwitch;
  let directory: string;
  const machines: Machine[] = [];
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "wb-sw-"));
    lab = new LabSwitch({ ip: "10.77.0.1", directory });
  });
  afterEach(async () => {
    for (const machine of machines.splice(0)) machine.close();
    await lab.close();
    await rm(directory, { recursive: true });
  });

  async function plug(port: string, kind: "stream" | "datagram"): Promise<Machine> {
    const machine = await Machine.plug(await lab.addPort(port, kind));
    machines.push(machine);
    return machine;
  }

  test.each(["stream", "datagram"] as const)(
    "%s ports: floods what it does not know, then learns",
    async (kind) => {
      const [a, b, c] = [await plug("a", kind), await plug("b", kind), await plug("c", kind)];
      // A datagram port knows its machine from the first frame on.
      b.send(arpFrame(1, bob, { mac: broadcastMac, ip: "10.77.0.99" }));
      c.send(arpFrame(1, carol, { mac: broadcastMac, ip: "10.77.0.99" }));
      await expect.poll(() => [lab.locate(bob.mac), lab.locate(carol.mac)]).toEqual(["b", "c"]);
      a.send(arpFrame(1, alice, { mac: broadcastMac, ip: bob.ip }));
      const asked = (machine: Machine): boolean =>
        machine.received.some((frame) => {
          const packet = parseFrame(frame);
          return packet.kind === "arp" && packet.target === bob.ip;
        });
      await expect.poll(() => [asked(b), asked(c)]).toEqual([true, true]);
      const before = c.received.length;
      b.send(arpFrame(2, bob, alice));
      await expect
        .poll(() => a.received.map((frame) => parseFrame(frame)))
        .toContainEqual(expect.objectContaining({ kind: "arp", operation: 2, sender: bob }));
      // What comes after it on the same way shows that nothing came before.
      a.send(arpFrame(1, alice, { mac: broadcastMac, ip: carol.ip }));
      await expect.poll(() => c.received.length).toBeGreaterThan(before);
      expect(c.received.length).toBe(before + 1);
      expect(lab.locate(bob.mac)).toBe("b");
    },
  );

  test("follows an address that moves to another port", async () => {
    const [a, b] = [await plug("a", "stream"), await plug("b", "stream")];
    a.send(arpFrame(1, alice, { mac: broadcastMac, ip: "10.77.0.99" }));
    await expect.poll(() => lab.locate(alice.mac)).toBe("a");
    b.send(arpFrame(1, alice, { mac: broadcastMac, ip: "10.77.0.99" }));
    await expect.poll(() => lab.locate(alice.mac)).toBe("b");
  });

  test("pings, and answers pings", async () => {
    const a = await plug("a", "stream");
    a.answerAs(alice);
    expect(await lab.ping(alice.ip, { timeout: 15_000 })).toBeLessThan(15_000);
    await expect(lab.ping("10.77.0.99", { timeout: 50 })).rejects.toMatchObject({
      code: "DEADLINE_EXCEEDED",
    });
    const watch = lab.watchPings(alice.ip, 5);
    const pings = (): number => a.received.filter((frame) => parseFrame(frame).kind === "echo").length;
    const before = pings();
    await expect.poll(pings).toBeGreaterThan(before + 6);
    const score = watch.stop();
    expect(score.received).toBeGreaterThan(2);
    expect(score.largestGap).toBeLessThan(15_000);
    const request = { reply: false, identifier: 3, sequence: 4, data: Buffer.from("x") };
    a.send(echoFrame(alice, lab.station, request));
    await expect
      .poll(() => a.received.map((frame) => parseFrame(frame)))
      .toContainEqual(expect.objectContaining({ kind: "echo", reply: true, identifier: 3, sequence: 4 }));
  });

  test("a machine that sends nonsense loses its connection, nobody else does", async () => {
    const [a, b] = [await plug("a", "stream"), await plug("b", "stream")];
    b.answerAs(bob);
    a.raw(Buffer.from("ffffffff00", "hex"));
    await expect.poll(() => a.closed).toBe(true);
    expect(await lab.ping(bob.ip, { timeout: 15_000 })).toBeGreaterThan(0);
  });
});

/** What QEMU's socket networks do, without a guest. */
class Machine {
  readonly received: Buffer[] = [];
  closed = false;
  readonly raw: (bytes: Buffer) => void;
  readonly send: (frame: Buffer) => void;
  readonly close: () => void;
  #self: Station | undefined;

  private constructor(raw: (bytes: Buffer) => void, send: (frame: Buffer) => void, close: () => void) {
    this.raw = raw;
    this.send = send;
    this.close = close;
  }

  static async plug(attachment: NetworkAttachment): Promise<Machine> {
    if (attachment.kind === "stream") {
      const socket = connect({ path: attachment.path });
      const machine = new Machine(
        (bytes) => void socket.write(bytes),
        (frame) => {
          const length = Buffer.alloc(4);
          length.writeUInt32BE(frame.length);
          socket.write(length);
          socket.write(frame);
        },
        () => void socket.destroy(),
      );
      let rest: Buffer = Buffer.alloc(0);
      socket.on("data", (chunk) => {
        rest = Buffer.concat([rest, chunk]);
        while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE(0)) {
          const end = 4 + rest.readUInt32BE(0);
          machine.#accept(rest.subarray(4, end));
          rest = rest.subarray(end);
        }
      });
      socket.on("close", () => {
        machine.closed = true;
      });
      await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
      return machine;
    }
    if (attachment.kind !== "datagram") throw new Error("not a port of the switch");
    const { host, port } = attachment;
    const socket: Socket = createSocket("udp4");
    const send = (frame: Buffer): void => socket.send(frame, port, host);
    const machine = new Machine(send, send, () => void socket.close());
    socket.on("message", (frame) => machine.#accept(frame));
    await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", () => resolve()));
    return machine;
  }

  answerAs(self: Station): void {
    this.#self = self;
  }

  #accept(frame: Buffer): void {
    this.received.push(Buffer.from(frame));
    const self = this.#self;
    if (self === undefined) return;
    const packet = parseFrame(frame);
    if (packet.kind === "arp" && packet.operation === 1 && packet.target === self.ip)
      this.send(arpFrame(2, self, packet.sender));
    if (packet.kind === "echo" && !packet.reply && packet.to === self.ip)
      this.send(echoFrame(self, packet.from, { ...packet, reply: true }));
  }
}
