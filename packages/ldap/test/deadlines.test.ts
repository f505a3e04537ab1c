import { createServer, type Server, type Socket } from "node:net";
import { sleep } from "@waybill/base";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { LdapClient, LdapServer } from "../src/index.ts";
import { makeCertificate, type TestCertificate } from "./support/certificate.ts";
import { base, MemoryBackend } from "./support/memory-backend.ts";

let certificate: TestCertificate;
let backend: MemoryBackend;
let server: LdapServer<{ name: string }>;
let client: LdapClient;

beforeAll(() => {
  certificate = makeCertificate();
});

afterAll(() => certificate.remove());

beforeEach(async () => {
  backend = new MemoryBackend();
  server = new LdapServer({ backend, tls: certificate });
  const port = await server.listen({ host: "127.0.0.1", port: 0, tls: true });
  client = await LdapClient.connect({
    url: `ldaps://127.0.0.1:${port}`,
    tls: { ca: certificate.cert },
    timeout: 20_000,
  });
  await client.bindSimple("alice@lab.test", "Secret.1");
});

afterEach(async () => {
  client.close();
  await server.stop(50);
});

/** Makes searches hang until their signal fires. */
function hang(): void {
  backend.search = async function* (_request, { signal }) {
    backend.searchSignals.push(signal);
    yield { dn: `CN=first,${base}`, attributes: [] };
    await sleep(60_000, signal);
  };
}

describe("the client gives up", () => {
  test("after its deadline, and the server stops working on it", async () => {
    hang();
    await expect(client.search({ base, timeout: 80 }).all()).rejects.toMatchObject({
      code: "DEADLINE_EXCEEDED",
    });
    await expect.poll(() => backend.searchSignals[0]?.aborted).toBe(true);
    expect(await client.whoAmI()).toBe("u:alice@lab.test");
  });

  test("when the caller aborts", async () => {
    hang();
    const controller = new AbortController();
    const pending = client.search({ base, signal: controller.signal }).all();
    const arrived = expect.poll(() => backend.searchSignals.length).toBe(1);
    void arrived.then(() => controller.abort());
    await expect(pending).rejects.toMatchObject({ code: "ABORTED" });
    await expect.poll(() => backend.searchSignals[0]?.aborted).toBe(true);
    await expect(client.whoAmI({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "ABORTED" });
  });

  test("when the reader leaves the loop", async () => {
    hang();
    for await (const entry of client.search({ base, pageSize: false })) {
      expect(entry.dn).toBe(`CN=first,${base}`);
      break;
    }
    await expect.poll(() => backend.searchSignals[0]?.aborted).toBe(true);
  });

  test("changes also have a deadline", async () => {
    backend.add = async (_entry, { signal }) => {
      await sleep(60_000, signal);
    };
    await expect(client.add(`CN=x,${base}`, {}, { timeout: 60 })).rejects.toMatchObject({
      code: "DEADLINE_EXCEEDED",
    });
  });
});

test("the server's own time limit (RFC 4511 section 4.5.1.5)", async () => {
  hang();
  await expect(client.search({ base, timeLimit: 1, timeout: 30_000 }).all()).rejects.toMatchObject({
    resultName: "timeLimitExceeded",
  });
});

test("a slow reader of one search does not hold up other operations on the connection", async () => {
  await server.stop(50);
  server = new LdapServer({ backend, tls: certificate, limits: { maxEntries: 100_000 } });
  const port = await server.listen({ host: "127.0.0.1", port: 0, tls: true });
  client = await LdapClient.connect({
    url: `ldaps://127.0.0.1:${port}`,
    tls: { ca: certificate.cert },
    timeout: 20_000,
  });
  await client.bindSimple("alice@lab.test", "Secret.1");
  const description = new Uint8Array(2000);
  backend.search = async function* () {
    for (let i = 0; i < 5000; i++)
      yield { dn: `CN=${i}`, attributes: [{ type: "description", values: [description] }] };
  };
  let seen = 0;
  for await (const entry of client.search({ base, pageSize: false })) {
    if (seen++ % 1000 === 0) {
      await sleep(20);
      expect(await client.compare(`CN=Users,${base}`, "cn", "Users")).toBe(true);
    }
    expect(entry.dn).toMatch(/^CN=/);
  }
  expect(seen).toBe(5000);
});

test("a second bind gives up what is under way and nothing of the old identity remains", async () => {
  await expect(client.bindSimple("alice@lab.test", "wrong")).rejects.toThrow();
  await expect(client.read(base)).rejects.toMatchObject({ resultName: "operationsError" });
});

describe("against peers that are no LDAP servers", () => {
  let listener: Server;
  const accepted: Socket[] = [];

  async function listen(onConnection: (socket: Socket) => void): Promise<string> {
    listener = createServer((socket) => {
      accepted.push(socket);
      socket.on("error", () => {});
      onConnection(socket);
    });
    await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
    const address = listener.address();
    return `127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
  }

  afterEach(() => {
    for (const socket of accepted.splice(0)) socket.destroy();
    listener.close();
  });

  test("silence: connecting with TLS and operations end at the deadline", async () => {
    const where = await listen(() => {});
    await expect(LdapClient.connect({ url: `ldaps://${where}`, timeout: 100 })).rejects.toMatchObject({
      code: "DEADLINE_EXCEEDED",
    });
    const mute = await LdapClient.connect({ url: `ldap://${where}`, timeout: 20_000 });
    await expect(mute.rootDse([], { timeout: 100 })).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
    mute.close();
  });

  test("noise and a closed connection are named errors, and the connection is of no more use", async () => {
    const where = await listen((socket) => socket.once("data", () => socket.end("SSH-2.0-OpenSSH\r\n")));
    const noisy = await LdapClient.connect({ url: `ldap://${where}`, timeout: 20_000 });
    await expect(noisy.rootDse()).rejects.toMatchObject({ code: "LDAP_PROTOCOL_ERROR" });
    await expect(noisy.rootDse()).rejects.toMatchObject({ code: "LDAP_PROTOCOL_ERROR" });
    const closing = await listen((socket) => socket.once("data", () => socket.destroy()));
    const lost = await LdapClient.connect({ url: `ldap://${closing}`, timeout: 20_000 });
    await expect(lost.rootDse()).rejects.toMatchObject({ code: "LDAP_CONNECTION_LOST" });
    expect(lost.failure).toMatchObject({ code: "LDAP_CONNECTION_LOST" });
  });

  test("nobody there, and addresses that are none", async () => {
    const where = await listen(() => {});
    await new Promise((resolve) => listener.close(resolve));
    await expect(LdapClient.connect({ url: `ldap://${where}` })).rejects.toMatchObject({
      code: "LDAP_CONNECT_FAILED",
    });
    for (const url of ["http://x", "ldap://", "ldap://x:99999", "ldap://x:1x", ""]) {
      await expect(LdapClient.connect({ url })).rejects.toMatchObject({ code: "LDAP_USAGE" });
    }
  });
});
