import { randomUUID } from "node:crypto";
import { connect } from "node:net";
import { parsePrincipal } from "@waybill/kerberos";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { migrationServiceClass } from "../src/index.ts";
import { Connector, type Conversation } from "../src/migration/connector.ts";
import type { SourceMessage } from "../src/migration/messages.ts";
import { TwoHosts } from "./support/two-hosts.ts";

const waiting = { timeout: 60_000 };
/** Bytes per second at which even a small machine is on its way for a while. */
const slowly = 32 * 1024;
const options = { performance: "tcpip", channels: 1, postCopy: false } as const;

/** What a host can do that really has a person's ticket: delegation as the directory allows it. */
async function converse({ domain, hosts, links, alice }: TwoHosts): Promise<Conversation> {
  const client = domain.newClient();
  const tgt = await client.login({
    principal: domain.principal("KVM01$"),
    keytab: domain.keytab("KVM01$"),
    forwardable: true,
  });
  const server = domain.principal(`WSMAN/${hosts[0].fullName}`);
  const evidence = await client.getTicket({ tgt: alice, server });
  const target = parsePrincipal(`${migrationServiceClass}/${hosts[1].fullName}@${domain.realm}`);
  const credential = await client.s4u2proxy({ tgt, evidence, target });
  const connector = new Connector({ [hosts[1].fullName]: { address: "127.0.0.1", port: links[0].port } });
  return await connector.open(hosts[1].fullName, credential, AbortSignal.timeout(60_000));
}

function hello(id: string, more: object = {}): SourceMessage {
  const vm = { id, name: "liar" };
  const base = { type: "hello", migration: randomUUID(), host: "kvm01.lab.test", vm, purpose: "migrate" };
  return { ...base, ...more } as SourceMessage;
}

function prepare(id: string, definition: object = {}, more: object = {}): SourceMessage {
  const whole = { name: "liar", uuid: id, memoryMiB: 16, ...definition };
  return { type: "prepare", definition: whole, running: true, disks: [], options, ...more } as SourceMessage;
}

describe("a source that lies to a destination", () => {
  let world: TwoHosts;
  beforeAll(async () => {
    world = await TwoHosts.start();
  });
  afterAll(async () => await world.close());

  const conversation = async (): Promise<Conversation> => await converse(world);

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
    expect(await channel.receive("prepared", waiting)).toMatchObject({ type: "prepared" });
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

describe("a source that comes, and then nothing comes of it", () => {
  const stallTimeout = 5;
  let world: TwoHosts;
  beforeAll(async () => {
    world = await TwoHosts.start({
      config: (_host, address) => ({ migration: { address, port: 6600, "stall-timeout": stallTimeout } }),
    });
  });
  afterAll(async () => await world.close());
  afterEach(() => {
    world.onStep = async () => "go";
  });

  /** Is let in, and goes on to talk. @returns how it ended. */
  async function idle(talk: (say: (message: SourceMessage) => void) => void): Promise<string> {
    const id = randomUUID();
    const { channel } = await converse(world);
    const say = (message: SourceMessage): void => {
      if (channel.channel.open) channel.send(message);
    };
    say(hello(id, { vm: { id, name: id } }));
    say(prepare(id, { name: id }));
    const chatter = setInterval(() => say({ type: "alive" }), 200);
    try {
      for (;;) {
        const answer = await channel.receive("the end", { timeout: 60_000 });
        if (answer.type === "prepared") talk(say);
        if (answer.type === "refused") return `${answer.code}: ${answer.message}`;
      }
    } finally {
      clearInterval(chatter);
      channel.channel.close();
    }
  }

  test("only says that it is alive: it is told so, its copy goes, and so many of them hold no slot", async () => {
    for (let round = 0; round < 2; round++) {
      const ends = await Promise.all([idle(() => {}), idle((say) => say({ type: "flowing" }))]);
      for (const end of ends)
        expect(end).toMatch(/^MIGRATION_STALLED: receiving [0-9a-f-]{36} came to a standstill/);
    }
    await world.until(async () => {
      const { host, caller } = await world.hosts[1].as(world.alice);
      return (await host.listVirtualMachines(caller)).length === 0;
    }, "the copies go");
    const from = world.home;
    expect(await world.outcome(from, await world.move(from))).toMatchObject({ state: "completed" });
    await world.settled();
  });

  test("says over and over that it has come further: once is enough", async () => {
    const end = await idle((say) => {
      say({ type: "flowing" });
      say({ type: "flowing" });
    });
    expect(end).toMatch(/^MIGRATION_PROTOCOL_ERROR/);
  });

  test("a move that is slow, and goes on, takes the time it takes", async () => {
    const from = world.home;
    const begun = Date.now();
    const id = await world.move(from, { options: { bandwidthLimit: slowly } });
    await world.until(async () => {
      const long = Date.now() - begun > 2 * stallTimeout * 1000;
      expect(await world.job(from, id)).toMatchObject({
        state: expect.stringMatching(/^(new|starting|running)$/),
      });
      return long;
    }, "it has gone on for twice the limit");
    const { host, caller } = await from.as(world.alice);
    await host.cancelJob(caller, id);
    expect(await world.outcome(from, id)).toMatchObject({ state: "terminated" });
    expect(await world.settled()).toBe(from);
  });

  test("a copy that nobody speaks for and nothing comes to any more goes, and its source runs on", async () => {
    const from = world.home;
    const to = world.other(from);
    const qemu = world.copies.pid(from) ?? 0;
    let struck = false;
    world.onStep = async (_host, step) => {
      if (step !== "destination:flowing" || struck) return "go";
      struck = true;
      process.kill(qemu, "SIGSTOP");
      await from.kill();
      return "go";
    };
    await world.move(from, { options: { bandwidthLimit: slowly } });
    await world.until(() => struck, "memory flows");
    await world.until(
      async () =>
        (await to.as(world.alice).then(({ host, caller }) => host.listVirtualMachines(caller))).length === 0,
      "the copy goes",
    );
    process.kill(qemu, "SIGCONT");
    await from.revive();
    expect(await world.settled()).toBe(from);
    expect(world.copies.pid(from)).toBe(qemu);
    expect(world.copies.violations).toEqual([]);
  });
});
