import { connect, type Socket } from "node:net";
import { fromHex, sleep } from "@waybill/base";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { LdapClient, LdapServer, type LdapServerLimits, ResultCode } from "../../src/index.ts";
import { decodeMessage, encodeMessage, type LdapMessage } from "../../src/messages/ldap-message.ts";
import { makeCertificate, type TestCertificate } from "../support/certificate.ts";
import { base, MemoryBackend } from "../support/memory-backend.ts";

let certificate: TestCertificate;
let backend: MemoryBackend;
let server: LdapServer<{ name: string }>;
let port: number;
let tlsPort: number;
const sockets: Socket[] = [];

beforeAll(() => {
  certificate = makeCertificate();
});

afterAll(() => certificate.remove());

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server.stop(50);
});

async function serve(limits: Partial<LdapServerLimits> = {}): Promise<void> {
  backend = new MemoryBackend();
  server = new LdapServer({ backend, tls: certificate, limits });
  port = await server.listen({ host: "127.0.0.1", port: 0 });
  tlsPort = await server.listen({ host: "127.0.0.1", port: 0, tls: true });
}

async function client(): Promise<LdapClient> {
  const connected = await LdapClient.connect({
    url: `ldaps://127.0.0.1:${tlsPort}`,
    tls: { ca: certificate.cert },
    timeout: 20_000,
  });
  await connected.bindSimple("alice@lab.test", "Secret.1");
  return connected;
}

/** A raw connection; what the server sends piles up in `received`. */
async function raw(
  from = "127.0.0.1",
): Promise<{ socket: Socket; received: () => Buffer; closed: Promise<void> }> {
  const socket = connect({ host: "127.0.0.1", port, localAddress: from });
  sockets.push(socket);
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  socket.on("error", () => {});
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", () => resolve());
    socket.once("error", reject);
  });
  return { socket, received: () => Buffer.concat(chunks), closed };
}

const rootSearch = (messageID: number): Uint8Array =>
  encodeMessage({
    messageID,
    protocolOp: {
      kind: "searchRequest",
      value: {
        baseObject: "",
        scope: 0,
        derefAliases: 0,
        sizeLimit: 0,
        timeLimit: 0,
        typesOnly: false,
        filter: { kind: "present", value: "objectClass" },
        attributes: [],
      },
    },
  });

function noticeIn(bytes: Buffer): LdapMessage {
  const message = decodeMessage(bytes);
  expect(message).toMatchObject({
    messageID: 0,
    protocolOp: { value: { responseName: "1.3.6.1.4.1.1466.20036" } },
  });
  return message;
}

describe("what breaks the protocol (RFC 4511 section 5.3)", () => {
  test.each([
    ["TLS on the plain port", "16 03 01 00 05 01 00 00 01 00"],
    ["HTTP", "47 45 54 20 2f 20 48 54 54 50"],
    ["a message that is no LDAP", "30 03 01 01 ff"],
    ["an absurd length", "30 84 7f ff ff ff"],
    ["a response from a client", "30 0c 02 01 01 61 07 0a 01 00 04 00 04 00"],
  ])("%s is answered with a notice of disconnection", async (_name, hex) => {
    await serve();
    const { socket, received, closed } = await raw();
    socket.write(fromHex(hex));
    await closed;
    expect(noticeIn(received()).protocolOp.value).toMatchObject({ resultCode: ResultCode.protocolError });
    expect(server.connections).toBe(0);
  });

  test("random octets neither stop the server nor leave connections behind", async () => {
    await serve();
    for (let i = 0; i < 60; i++) {
      const { socket, closed } = await raw();
      const noise = crypto.getRandomValues(new Uint8Array(64));
      if (i % 2 === 0) noise.set([0x30, 62, 2, 1, 1, 0x60 + (i % 30)]);
      socket.end(noise);
      await closed;
    }
    await expect.poll(() => server.connections).toBe(0);
    const alive = await client();
    expect(await alive.whoAmI()).toBe("u:alice@lab.test");
    alive.close();
  });

  test("commands sent along with StartTLS are not taken for protected ones", async () => {
    await serve();
    const { socket, closed } = await raw();
    const startTls = encodeMessage({
      messageID: 1,
      protocolOp: { kind: "extendedReq", value: { requestName: "1.3.6.1.4.1.1466.20037" } },
    });
    socket.write(Buffer.concat([startTls, rootSearch(2)]));
    await closed;
  });
});

describe("too many and too slow", () => {
  test("idle connections are shed, the anonymous ones first", async () => {
    await serve({ maxConnections: 20, maxConnectionsPerPeer: 1000 });
    const bound = await client();
    const idle = [];
    for (let i = 0; i < 200; i++) idle.push(await raw());
    expect(server.connections).toBeLessThanOrEqual(20);
    expect(await bound.whoAmI()).toBe("u:alice@lab.test");
    await idle[0]?.closed;
    expect(noticeIn(idle[0]?.received() ?? Buffer.alloc(0)).protocolOp.value).toMatchObject({
      resultCode: ResultCode.busy,
    });
    bound.close();
  });

  test("one address gets so many connections and no more", async () => {
    await serve({ maxConnectionsPerPeer: 3 });
    const held = [await raw("127.0.0.2"), await raw("127.0.0.2"), await raw("127.0.0.2")];
    const refused = await raw("127.0.0.2");
    await refused.closed;
    const other = await raw("127.0.0.3");
    other.socket.write(rootSearch(1));
    await expect.poll(() => other.received().length).toBeGreaterThan(0);
    held[0]?.socket.destroy();
    await held[0]?.closed;
    await expect.poll(() => server.connections).toBe(3);
    const again = await raw("127.0.0.2");
    again.socket.write(rootSearch(1));
    await expect.poll(() => again.received().length).toBeGreaterThan(0);
  });

  test("silent connections are closed, also those that never finish a TLS handshake", async () => {
    await serve({ anonymousIdleTimeout: 100 });
    const plain = await raw();
    const secure = connect({ host: "127.0.0.1", port: tlsPort });
    sockets.push(secure);
    const secureClosed = new Promise<void>((resolve) => secure.once("close", () => resolve()));
    await Promise.all([plain.closed, secureClosed]);
    expect(noticeIn(plain.received()).protocolOp.value).toMatchObject({ resultCode: ResultCode.unavailable });
  });

  test("a message above the anonymous limit is refused, after a bind it is taken", async () => {
    await serve({ maxAnonymousMessageSize: 1000 });
    const { socket, closed } = await raw();
    socket.write(fromHex("30 82 10 00"));
    await closed;
    const bound = await client();
    await bound.add(`CN=long,${base}`, { description: "x".repeat(5000) });
    expect(backend.text(`CN=long,${base}`, "description")[0]).toHaveLength(5000);
    bound.close();
  });

  test("a client that reads nothing does not make the server pile up answers, and is cut off", async () => {
    await serve({ writeTimeout: 1500, maxEntries: 1_000_000 });
    let yielded = 0;
    const description = new Uint8Array(10_000);
    backend.search = async function* () {
      for (let i = 0; i < 20_000; i++) {
        yielded++;
        yield { dn: `CN=${i}`, attributes: [{ type: "description", values: [description] }] };
      }
    };
    const slow = await client();
    const results = slow.search({ base, pageSize: false })[Symbol.asyncIterator]();
    await results.next();
    let before = -1;
    while (before !== yielded) {
      before = yielded;
      await sleep(300);
    }
    expect(yielded).toBeLessThan(10_000);
    await expect.poll(() => server.connections, { timeout: 40_000 }).toBe(0);
    slow.close();
  });
});

describe("stopping", () => {
  test("operations under way are answered, then everybody is told", async () => {
    await serve();
    const bound = await client();
    let begun = (): void => {};
    const underWay = new Promise<void>((resolve) => {
      begun = resolve;
    });
    backend.delete = async () => {
      begun();
      await sleep(150);
    };
    const pending = bound.delete(`CN=x,${base}`);
    await underWay;
    const stopped = server.stop(10_000);
    await pending;
    await stopped;
    await expect(bound.whoAmI()).rejects.toMatchObject({ resultName: "unavailable" });
    expect(server.connections).toBe(0);
    await expect(raw()).rejects.toThrow();
  });

  test("an operation that does not end is given up after the grace period", async () => {
    await serve();
    const bound = await client();
    let begun = (): void => {};
    const underWay = new Promise<void>((resolve) => {
      begun = resolve;
    });
    backend.delete = async (_dn, { signal }) => {
      begun();
      await sleep(60_000, signal);
    };
    const pending = expect(bound.delete(`CN=x,${base}`)).rejects.toMatchObject({ resultName: "unavailable" });
    await underWay;
    const started = Date.now();
    await server.stop(100);
    expect(Date.now() - started).toBeLessThan(20_000);
    await pending;
  });
});
