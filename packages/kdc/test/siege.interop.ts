import { randomBytes, randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EmbeddedDirectory } from "@waybill/directory";
import { KerberosClient, NetworkTransport, parsePrincipal, staticLocator } from "@waybill/kerberos";
import { LdapClient } from "@waybill/ldap";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { controllerPaths, createControllerState } from "../src/index.ts";
import { createTestDomain, testPassword } from "../src/testing/index.ts";
import { loopbackAddress } from "./support/loopback.ts";
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
    const client = await LdapClient.connect({ url, timeout: 5000 });
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
      const opened = performance.now();
      const directory = EmbeddedDirectory.open(controllerPaths(state).directory);
      expect(directory.bySam("Administrator")).toBeDefined();
      expect(performance.now() - opened).toBeLessThan(1000);
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
      const death = new Promise<void>((resolve, reject) => {
        setTimeout(() => void dc.kill().then(resolve, reject), 150 + Math.random() * 600);
      });
      try {
        for (;;) {
          const attributes = { objectClass: ["user"], sAMAccountName: [`made${next}`] };
          await client.add(`CN=made${next},${users}`, attributes);
          next++;
        }
      } catch {
        // The connection broke: the controller is dead.
      }
      await death;
    }
    expect(next).toBeGreaterThan(10);
  }, 60_000);

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
          const client = await LdapClient.connect({ url: `ldap://${host}`, timeout: 5000 });
          await client.rootDse();
          client.close();
          expect(performance.now() - started).toBeLessThan(5000);
        }
      }
      expect(open).toBe(10_000);
      await expect.poll(() => open - closed, { timeout: 5000 }).toBeLessThanOrEqual(4096 + 2000);
      expect(residentMebibytes(dc.process.pid ?? 0) - before).toBeLessThan(200);
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  }, 60_000);

  it("neither stops nor grows under mutated requests over UDP, TCP and LDAP", async () => {
    dc = await serveState(state, host, 1);
    const pid = dc.process.pid ?? 0;
    const requests = await kdcRequests();
    const anyRequest = (): Buffer => mutate(requests[randomInt(requests.length)]!);
    const bombard = async (): Promise<void> => {
      const udp = createSocket("udp4");
      udp.connect(88, host);
      await once(udp, "connect");
      udp.on("error", () => {});
      for (let count = 0; count < 6000; count++) {
        udp.send(anyRequest());
        if (count % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      }
      udp.close();
      const framed = (message: Buffer): Buffer => {
        const header = Buffer.alloc(4);
        header.writeUInt32BE(randomInt(20) === 0 ? randomInt(2 ** 31) : message.length);
        return Buffer.concat([header, message]);
      };
      const kinds = [
        () => [88, framed(anyRequest())] as const,
        () => [464, framed(anyRequest())] as const,
        () => [389, mutate(rootSearch)] as const,
        () => [389, mutate(bind)] as const,
        () => [636, mutate(rootSearch)] as const,
      ];
      for (let round = 0; round < 40; round++) {
        await Promise.all(
          Array.from({ length: 40 }, async (_, index) => {
            const [port, bytes] = kinds[index % kinds.length]!();
            const socket = connect({ host, port });
            socket.on("error", () => {});
            socket.resume();
            socket.end(bytes);
            await Promise.race([once(socket, "close"), new Promise((resolve) => setTimeout(resolve, 1000))]);
            socket.destroy();
          }),
        );
      }
    };
    await bombard();
    const before = residentMebibytes(pid);
    await bombard();
    await bombard();
    expect(residentMebibytes(pid) - before).toBeLessThan(48);
    expect(dc.process.exitCode).toBeNull();
    await login("udp");
    await login("tcp");
    (await administrator()).close();
  }, 60_000);
});

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
