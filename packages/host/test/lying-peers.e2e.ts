import { randomUUID } from "node:crypto";
import { connect } from "node:net";
import { parsePrincipal } from "@waybill/kerberos";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { migrationServiceClass } from "../src/index.ts";
import { Connector, type Conversation } from "../src/migration/connector.ts";
import type { SourceMessage } from "../src/migration/messages.ts";
import { TwoHosts } from "./support/two-hosts.ts";

const waiting = { timeout: 5000 };
const options = { performance: "tcpip", channels: 1, postCopy: false } as const;

describe("a source that lies to a destination", () => {
  let world: TwoHosts;
  beforeAll(async () => {
    world = await TwoHosts.start();
  });
  afterAll(async () => await world.close());

  /** What a host can do that really has a person's ticket: delegation as the directory allows it. */
  async function conversation(): Promise<Conversation> {
    const { domain, hosts, links } = world;
    const client = domain.newClient();
    const tgt = await client.login({
      principal: domain.principal("KVM01$"),
      keytab: domain.keytab("KVM01$"),
      forwardable: true,
    });
    const server = domain.principal(`WSMAN/${hosts[0].fullName}`);
    const evidence = await client.getTicket({ tgt: world.alice, server });
    const target = parsePrincipal(`${migrationServiceClass}/${hosts[1].fullName}@${domain.realm}`);
    const credential = await client.s4u2proxy({ tgt, evidence, target });
    const connector = new Connector({ [hosts[1].fullName]: { address: "127.0.0.1", port: links[0].port } });
    return await connector.open(hosts[1].fullName, credential, AbortSignal.timeout(10_000));
  }

  function hello(id: string, more: object = {}): SourceMessage {
    const vm = { id, name: "liar" };
    const base = {
      type: "hello",
      migration: randomUUID(),
      host: world.hosts[0].fullName,
      vm,
      purpose: "migrate",
    };
    return { ...base, ...more } as SourceMessage;
  }

  function prepare(id: string, definition: object = {}, more: object = {}): SourceMessage {
    const whole = { name: "liar", uuid: id, memoryMiB: 16, ...definition };
    return {
      type: "prepare",
      definition: whole,
      running: true,
      disks: [],
      options,
      ...more,
    } as SourceMessage;
  }

  async function say(...messages: readonly SourceMessage[]): Promise<string> {
    const { channel } = await conversation();
    try {
      for (const message of messages) channel.send(message);
      for (;;) {
        const answer = await channel.receive("the refusal", waiting);
        if (answer.type === "refused") return answer.code;
        if (answer.type !== "welcome") return answer.type;
      }
    } finally {
      channel.channel.close();
    }
  }

  const id = randomUUID();
  const lies: readonly (readonly [string, () => readonly SourceMessage[], string])[] = [
    ["begins with take", () => [{ type: "take" }], "MIGRATION_PROTOCOL_ERROR"],
    ["takes before it prepares", () => [hello(id), { type: "take" }], "MIGRATION_PROTOCOL_ERROR"],
    ["claims to be another host", () => [hello(id, { host: "kvm09.lab.test" })], "ACCESS_DENIED"],
    ["prepares another machine", () => [hello(id), prepare(randomUUID())], "MIGRATION_PROTOCOL_ERROR"],
    [
      "speaks words of no version",
      () => [hello(id), { type: "nonsense" } as unknown as SourceMessage],
      "MIGRATION_PROTOCOL_ERROR",
    ],
    [
      "announces a disk it does not define",
      () => [hello(id), prepare(id, {}, { disks: [{ id: "disk9", bytes: 1 }] })],
      "STORAGE_NOT_AUTHORIZED",
    ],
    [
      "names files of this host",
      () => [hello(id), prepare(id, { disks: [{ id: "d", path: "/etc/shadow", format: "raw" }] })],
      "PATH_NOT_ALLOWED",
    ],
    [
      "smuggles options into a path",
      () => [hello(id), prepare(id, { disks: [{ id: "d", path: "/x,driver=nbd", format: "raw,x" }] })],
      "VM_DEFINITION_INVALID",
    ],
    [
      "wants all memory there is",
      () => [hello(id), prepare(id, { memoryMiB: 1 << 24 })],
      "NOT_ENOUGH_MEMORY",
    ],
    [
      "needs hardware nobody has",
      () => [hello(id), prepare(id, { machine: "pc-q35-99.9" })],
      "HARDWARE_NOT_SUPPORTED",
    ],
    ["resolves what is not its own", () => [hello(id, { purpose: "resolve" })], "ACCESS_DENIED"],
  ];
  test.each(lies)("%s: a clear error", async (_lie, messages, code) => {
    expect(await say(...messages())).toBe(code);
  });

  test("takes what never arrived: the copy is given up, and the name is free again", async () => {
    const { channel } = await conversation();
    channel.send(hello(id));
    channel.send(prepare(id));
    await channel.receive("welcome", waiting);
    expect(await channel.receive("prepared", { timeout: 15_000 })).toMatchObject({ type: "prepared" });
    channel.channel.close();
    await world.until(async () => {
      const { host, caller } = await world.hosts[1].as(world.alice);
      return (await host.listVirtualMachines(caller)).length === 0;
    }, "the copy goes");
  });

  test.each([
    ["another protocol", Buffer.from("GET / HTTP/1.1\r\n\r\n")],
    ["an impossible version", Buffer.from([...Buffer.from("WAYBILL\0"), 200, 250])],
    ["a frame of 4 GiB", Buffer.from([...Buffer.from("WAYBILL\0"), 1, 1, 0xff, 0xff, 0xff, 0xff, 1])],
    ["a token of nonsense", Buffer.from([...Buffer.from("WAYBILL\0"), 1, 1, 0, 0, 0, 4, 1, 1, 2, 3])],
  ])("before it is authenticated: %s ends the connection", async (_what, bytes) => {
    const socket = connect({ host: "127.0.0.1", port: world.links[0].port });
    socket.on("error", () => {});
    const closed = new Promise((resolve) => socket.on("close", resolve));
    socket.write(bytes);
    socket.resume();
    await closed;
  });

  test("half a preamble on many connections keeps nobody else from moving; no slot was lost to any lie", async () => {
    const idle = Array.from({ length: 40 }, () => connect({ host: "127.0.0.1", port: world.links[0].port }));
    for (const socket of idle) socket.on("error", () => {}).write("WAY");
    for (let round = 0; round < 2; round++) {
      const from = world.home;
      expect(await world.outcome(from, await world.move(from))).toMatchObject({ state: "completed" });
      await world.settled();
    }
    for (const socket of idle) socket.destroy();
  });
});
