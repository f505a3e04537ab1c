// What a listener on the wire sees of a move: nothing of the guest in clear, TLS 1.3 with AES-128-GCM, sealed control.
import { randomBytes, randomInt } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Capture } from "../packages/host/test/support/capture.ts";
import { bareMigrate } from "../packages/qemu/bench/bare-migration.ts";
import { defaultMigrationOptions } from "../packages/qemu/src/index.ts";
import { GuestFixture } from "../packages/qemu/test/support/guests.ts";
import { mustWork, Site } from "./support/site.ts";

// On the kernel's command line, so in many places of the guest's memory.
const marker = `MARK-${randomBytes(12).toString("hex")}`;
const subnet = `127.${randomInt(200, 250)}.${randomInt(1, 250)}`;
let site: Site;
let wire: Capture;

beforeAll(async () => {
  site = await Site.up({
    addresses: { dc: `${subnet}.10`, kvm01: `${subnet}.11`, kvm02: `${subnet}.12` },
  });
  wire = await Capture.start(join(site.directory, "move.pcapng"), `net ${subnet}.0/24`);
  await site.startGuest("web01", { note: marker });
  await site.guestSays("kvm01", /GUEST-READY/);
  mustWork(await site.waybill("alice", "move", "web01", "--from", "kvm01", "--to", "kvm02"));
  expect(await site.states("kvm02")).toEqual(["running"]);
  await wire.stop();
});

afterAll(async () => {
  wire?.abandon();
  await site?.down();
});

/** Ports that QEMU listened on for memory. */
async function dataPorts(): Promise<string[]> {
  const opened = await wire.fields("tcp.flags.syn == 1 && tcp.flags.ack == 0", ["tcp.dstport"]);
  return [...new Set(opened.flat())].filter((port) => !["88", "389", "5985", "6600"].includes(port));
}

describe("What crosses the wire during a move", () => {
  test("nothing of the guest's memory in clear, though all of it crosses", async () => {
    const { found, bytes } = await wire.search(marker);
    expect(bytes).toBeGreaterThan(20e6);
    expect(found).toBe(0);
  });

  test("control: a bare migration without TLS shows the same words to the same capture", async () => {
    const fixture = await GuestFixture.create();
    try {
      const vm = await fixture.boot({ orders: { note: marker } });
      const capture = await Capture.start(join(fixture.directory, "bare.pcapng"), "host 127.0.0.1");
      const directory = join(fixture.directory, "bare");
      const result = await bareMigrate(vm, { options: defaultMigrationOptions, encrypted: false, directory });
      fixture.track(result.vm);
      await capture.stop();
      expect((await capture.search(marker)).found).toBeGreaterThan(0);
    } finally {
      await fixture.destroy();
    }
  });

  test("memory goes through TLS 1.3 with AES-128-GCM, its key shared beforehand", async () => {
    const ports = await dataPorts();
    expect(ports).toHaveLength(1);
    const decode = ports.flatMap((port) => ["-d", `tcp.port==${port},tls`]);
    const hellos = await wire.fields(
      "tls.handshake.type == 2",
      [
        "tls.handshake.ciphersuite",
        "tls.handshake.extensions.supported_version",
        "tls.handshake.extensions.psk.identity.selected",
      ],
      decode,
    );
    expect(hellos).toEqual([["0x1301", "0x0304", "0"]]);
  });

  test("management: every body with content is encrypted, nobody speaks SOAP in clear", async () => {
    const bodies = await wire.fields("tcp.port == 5985 && http.content_length > 0", ["http.content_type"]);
    expect(bodies.length).toBeGreaterThan(6);
    for (const [type] of bodies) expect(type).toMatch(/^multipart\/encrypted/);
    const clear = ["Envelope", "Msvm_", "web01", "schemas"].map((word) => `tcp contains "${word}"`);
    expect(await wire.fields(`tcp.port == 5985 && (${clear.join(" || ")})`, ["frame.number"])).toEqual([]);
  });

  test("migration protocol: nothing that can be read after the tokens", async () => {
    const spoken = await wire.fields("tcp.port == 6600 && tcp.len > 0", ["tcp.payload"]);
    expect(spoken.length).toBeGreaterThan(10);
    const texts = spoken.map(([payload = ""]) => Buffer.from(payload, "hex").toString("latin1"));
    // Control: the beginning is read: the tokens name the service that is asked for.
    expect(texts.slice(0, 4).join("")).toContain("Microsoft Virtual System Migration Service");
    for (const text of texts.slice(4)) {
      // Four octets at the least: two or three come about by chance.
      for (const word of ["web01", "prepare", "hello", "welcome", "take", "definition", '{"type'])
        expect(text).not.toContain(word);
    }
    const { found } = await wire.search('"type":"prepare"');
    expect(found).toBe(0);
  });
});
