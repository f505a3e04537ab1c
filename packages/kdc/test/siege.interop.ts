import { randomBytes, randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:https";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sleep } from "@waybill/base";
import { EmbeddedDirectory } from "@waybill/directory";
import {
  KdcProxyMessage,
  KerberosClient,
  NetworkTransport,
  parsePrincipal,
  staticLocator,
} from "@waybill/kerberos";
import { LdapClient, parseFilter } from "@waybill/ldap";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { workTime } from "../../directory/test/support/killed-process.ts";
import { loopbackAddress } from "../../kerberos/test/support/processes.ts";
import { encodeMessage } from "../../ldap/src/messages/ldap-message.ts";
import { controllerPaths, createControllerState } from "../src/index.ts";
import { createTestDomain, testPassword } from "../src/testing/index.ts";
import { residentMebibytes, type ServedController, serveState } from "./support/served-controller.ts";

const administratorPassword = "Adm1n-Secret!";
const users = "CN=Users,DC=lab,DC=test";

describe("a controller in processes of its own", () => {
  let dir: string;
  let state: string;
  let host: string;
  let dc: ServedController;

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), "waybill-siege-"));
    state = join(dir, "state");
    host = loopbackAddress();
    await createControllerState(state, { realm: "LAB.TEST", administratorPassword }).close();
  });

  afterEach(async () => {
    await dc.kill();
    rmSync(dir, { recursive: true, force: true });
  });

  async function administrator(): Promise<LdapClient> {
    const url = `ldapi://${encodeURIComponent(controllerPaths(state).ldapi)}`;
    const client = await LdapClient.connect({ url, timeout: 60_000 });
    await client.bindSimple("Administrator@lab.test", administratorPassword);
    return client;
  }

  async function login(transport: "udp" | "tcp"): Promise<void> {
    const locator = staticLocator({ "LAB.TEST": { kdc: [`${transport}/${host}:88`] } });
    const client = new KerberosClient({ transport: new NetworkTransport({ locator }) });
    const principal = parsePrincipal("Administrator@LAB.TEST");
    await client.login({ principal, password: administratorPassword });
  }

  it("killed at random during changes over LDAP, loses nothing it acknowledged and opens at once", async () => {
    let next = 0;
    for (let round = 0; round < 3; round++) {
      const { result: directory, milliseconds } = workTime(() => {
        const opened = EmbeddedDirectory.open(controllerPaths(state).directory);
        expect(opened.bySam("Administrator")).toBeDefined();
        return opened;
      });
      expect(milliseconds).toBeLessThan(1000);
      await directory.close();
      dc = await serveState(state, host, 2);
      const client = await administrator();
      if (next > 0) {
        const found = await client.search({ base: users, filter: "(cn=made*)", attributes: ["cn"] }).all();
        const names = new Set(found.map((entry) => entry.text("cn")));
        const lost = Array.from({ length: next }, (_, step) => `made${step}`).filter(
          (name) => !names.has(name),
        );
        expect(lost).toEqual([]);
        // What was under way when it died is there or is not: never more than that one.
        expect(names.size - next).toBeLessThanOrEqual(1);
        next = names.size;
        await login("udp");
      }
      let death: Promise<void> | undefined;
      const killSoon = async (): Promise<void> => {
        await sleep(150 + Math.random() * 600);
        await dc.kill();
      };
      const enough = next + 5;
      try {
        for (;;) {
          const attributes = { objectClass: ["user"], sAMAccountName: [`made${next}`] };
          await client.add(`CN=made${next},${users}`, attributes);
          next++;
          if (next >= enough) death ??= killSoon();
        }
      } catch (error) {
        // The connection broke: the controller is dead.
        if (death === undefined) throw error;
      }
      await death;
    }
    expect(next).toBeGreaterThan(10);
  });

  it("sheds 10,000 idle connections and serves real clients meanwhile", async () => {
    dc = await serveState(state, host, 1);
    const before = residentMebibytes(dc.process.pid ?? 0);
    let open = 0;
    let closed = 0;
    const sockets: Socket[] = [];
    const idle = async (port: number, from: string): Promise<void> => {
      const socket = connect({ host, port, localAddress: from });
      sockets.push(socket);
      socket.on("error", () => {});
      socket.on("close", () => closed++);
      await Promise.race([once(socket, "connect"), once(socket, "close")]).catch(() => {});
      open++;
    };
    try {
      for (let batch = 0; batch < 20; batch++) {
        // From many addresses, so that it is the limit on all connections that holds.
        const from = `127.1.${batch}.1`;
        await Promise.all(Array.from({ length: 400 }, async () => await idle(88, from)));
        await Promise.all(Array.from({ length: 100 }, async () => await idle(389, from)));
        if (batch % 5 === 4) {
          const started = performance.now();
          await login("tcp");
          await login("udp");
          const client = await LdapClient.connect({ url: `ldap://${host}`, timeout: 60_000 });
          await client.rootDse();
          client.close();
          expect(performance.now() - started).toBeLessThan(30_000);
        }
      }
      expect(open).toBe(10_000);
      await expect.poll(() => open - closed, { timeout: 60_000 }).toBeLessThanOrEqual(4096 + 2000);
      expect(residentMebibytes(dc.process.pid ?? 0) - before).toBeLessThan(200);
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  });

  it.each([1, 2])(
    "neither stops nor grows under mutated requests to each of its listeners, with %d workers",
    async (workers) => {
      dc = await serveState(state, host, workers);
      const memory = (): number => dc.pids().reduce((sum, pid) => sum + residentMebibytes(pid), 0);
      const processes = dc.pids();
      const requests = await kdcRequests();
      const anyRequest = (): Buffer => mutate(requests[randomInt(requests.length)]!);
      const bombard = async (): Promise<void> => {
        for (const port of [88, 464]) await datagrams(port, 3000, anyRequest);
        for (let round = 0; round < 8; round++) {
          await Promise.all([
            ...Array.from({ length: 160 }, async (_, index) => {
              const [port, bytes] = kinds[index % kinds.length]!(anyRequest);
              await throwAt(port, bytes);
            }),
            ...Array.from({ length: 10 }, async () => await postToProxy(anyRequest())),
          ]);
          await mutatedOperations();
        }
      };
      await bombard();
      const before = memory();
      await bombard();
      await bombard();
      expect(memory() - before).toBeLessThan(48 * processes.length);
      expect(dc.pids()).toEqual(processes);
      await login("udp");
      await login("tcp");
      (await administrator()).close();
    },
    240_000,
  );

  async function datagrams(port: number, count: number, make: () => Buffer): Promise<void> {
    const udp = createSocket("udp4");
    udp.connect(port, host);
    await once(udp, "connect");
    udp.on("error", () => {});
    for (let sent = 0; sent < count; sent++) {
      udp.send(make());
      if (sent % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    udp.close();
  }

  /** One connection with one message, given a second to be answered or closed. */
  async function throwAt(port: number, bytes: Buffer): Promise<void> {
    const socket = connect({ host, port });
    socket.on("error", () => {});
    socket.resume();
    socket.end(bytes);
    await closed(socket);
    socket.destroy();
  }

  /** KKDCP: the frame whole and the request in it mutated, or the other way round. */
  async function postToProxy(message: Buffer): Promise<void> {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(message.length);
    const frame = Buffer.from(KdcProxyMessage.encode({ kerbMessage: Buffer.concat([length, message]) }));
    const body = randomInt(2) === 0 ? frame : mutate(frame);
    await new Promise<void>((resolve) => {
      const options = { host, port: 8443, path: "/KdcProxy", method: "POST", rejectUnauthorized: false };
      const ask = request(options, (response) => response.resume().on("close", resolve));
      ask.setTimeout(2000, () => ask.destroy());
      ask.on("error", () => resolve());
      ask.end(body);
    });
  }

  /** As somebody who is known: searches and changes that were bent on the way. */
  async function mutatedOperations(): Promise<void> {
    const socket = connect({ path: controllerPaths(state).ldapi });
    socket.on("error", () => {});
    socket.resume();
    const bindRequest = encodeMessage({
      messageID: 1,
      protocolOp: {
        kind: "bindRequest",
        value: {
          version: 3,
          name: "Administrator@lab.test",
          authentication: { kind: "simple", value: Buffer.from(administratorPassword) },
        },
      },
    });
    socket.write(bindRequest);
    await Promise.race([once(socket, "data"), closed(socket)]);
    for (const operation of operations()) socket.write(mutate(Buffer.from(operation)));
    socket.end();
    await closed(socket);
    socket.destroy();
  }
});

/** The other side closed or broke the connection, or a second went by. */
async function closed(socket: Socket): Promise<void> {
  await Promise.race([
    new Promise<void>((resolve) => socket.once("close", () => resolve())),
    new Promise((resolve) => setTimeout(resolve, 1000)),
  ]);
}

function framed(message: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt32BE(randomInt(20) === 0 ? randomInt(2 ** 31) : message.length);
  return Buffer.concat([header, message]);
}

/** What goes to which port over TCP. */
const kinds: readonly ((anyRequest: () => Buffer) => readonly [port: number, bytes: Buffer])[] = [
  (anyRequest) => [88, framed(anyRequest())],
  (anyRequest) => [464, framed(anyRequest())],
  () => [389, mutate(rootSearch)],
  () => [389, mutate(bind)],
  () => [636, mutate(rootSearch)],
  () => [
    8443,
    mutate(Buffer.from("POST /KdcProxy HTTP/1.1\r\nHost: dc1\r\nContent-Length: 10\r\n\r\n0123456789")),
  ],
];

function* operations(): Iterable<Uint8Array> {
  const text = (value: string): Uint8Array => Buffer.from(value);
  const filters = [
    "(&(objectClass=user)(!(cn=a*b*c)))",
    "(memberOf:1.2.840.113556.1.4.1941:=CN=x,DC=lab,DC=test)",
  ];
  let messageID = 2;
  for (let count = 0; count < 40; count++) {
    yield encodeMessage({
      messageID: messageID++,
      protocolOp: {
        kind: "searchRequest",
        value: {
          baseObject: users,
          scope: 2,
          derefAliases: 0,
          sizeLimit: 0,
          timeLimit: 0,
          typesOnly: false,
          filter: parseFilter(filters[count % filters.length]!),
          attributes: ["cn", "member;range=0-9", "nTSecurityDescriptor"],
        },
      },
    });
    const modification = { type: "description", vals: [text("bent"), randomBytes(20)] };
    yield encodeMessage({
      messageID: messageID++,
      protocolOp: {
        kind: "modifyRequest",
        value: { object: `CN=Guest,${users}`, changes: [{ operation: 2, modification }] },
      },
    });
  }
}

/** A search for the root DSE, and the first message of a SASL bind with an empty token. */
const rootSearch = Buffer.from(
  `30250201016320${"04000a01000a0100020100020100010100870b"}${Buffer.from("objectClass").toString("hex")}3000`,
  "hex",
);
const bind = Buffer.from(
  `301c0201016017${"0201030400a310040a"}${Buffer.from("GSS-SPNEGO").toString("hex")}04026000`,
  "hex",
);

/** What a client sends for a login, a ticket, and on behalf of a user, to another domain of the same name. */
async function kdcRequests(): Promise<Buffer[]> {
  const domain = await createTestDomain({ users: ["alice"], computers: ["KVM01"] });
  const requests: Buffer[] = [];
  const client = domain.newClient({
    transport: {
      exchange: async (realm, request, options) => {
        requests.push(Buffer.from(request));
        return await domain.transport.exchange(realm, request, options);
      },
    },
  });
  const tgt = await client.login({ principal: domain.principal("KVM01$"), password: testPassword });
  await client.s4u2self({ tgt, user: domain.principal("alice") });
  await client.getTicket({ tgt, server: domain.principal("host/kvm01.lab.test") });
  return requests;
}

/** Flips, cuts, doubles and overwrites at random. */
function mutate(sample: Buffer): Buffer {
  const bytes = Buffer.from(sample);
  for (let change = randomInt(4); change >= 0; change--) bytes[randomInt(bytes.length)] = randomInt(256);
  const at = randomInt(bytes.length);
  if (randomInt(4) === 0) return bytes.subarray(0, at);
  if (randomInt(8) === 0)
    return Buffer.concat([bytes.subarray(0, at), randomBytes(randomInt(2000)), bytes.subarray(at)]);
  return bytes;
}
