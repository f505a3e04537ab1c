import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createHttpsServer } from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toHex, utf8 } from "@waybill/base";
import { afterEach, describe, expect, test } from "vitest";
import {
  confLocator,
  dnsLocator,
  ErrorCode,
  KdcProxyMessage,
  KrbError,
  NetworkTransport,
  parseKdcAddress,
  parseKrb5Conf,
  staticLocator,
} from "../../src/index.ts";
import { loopbackAddress } from "../support/processes.ts";

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

const realm = "LAB.TEST";
const request = utf8("request");
const inTime = () => ({ deadline: Date.now() + 20_000 });

function krbError(errorCode: number): Uint8Array {
  const sname = { nameType: 2, nameString: ["krbtgt", realm] };
  return KrbError.encode({ pvno: 5, msgType: 30, stime: 0, susec: 0, errorCode, realm, sname });
}

/** A KDC that answers over UDP; `undefined` is silence. */
async function udpKdc(
  answer: (message: Uint8Array) => Uint8Array | undefined,
  at = loopbackAddress(),
  port = 0,
) {
  const socket = createSocket("udp4");
  const seen: Uint8Array[] = [];
  socket.on("message", (message, peer) => {
    seen.push(message);
    const reply = answer(message);
    if (reply !== undefined) socket.send(reply, peer.port, peer.address);
  });
  await new Promise<void>((resolve) => socket.bind(port, at, resolve));
  closers.push(() => socket.close());
  return { address: at, port: socket.address().port, seen };
}

async function tcpKdc(answer: (message: Uint8Array) => Uint8Array, at = loopbackAddress(), chunk = 1 << 20) {
  const seen: Uint8Array[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", (data) => {
      seen.push(data.subarray(4));
      const reply = answer(data.subarray(4));
      const frame = Buffer.alloc(4 + reply.length);
      frame.writeUInt32BE(reply.length);
      frame.set(reply, 4);
      let offset = 0;
      const more = (): void => {
        if (offset >= frame.length || socket.destroyed) return;
        socket.write(frame.subarray(offset, offset + chunk), () => setImmediate(more));
        offset += chunk;
      };
      more();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, at, resolve));
  closers.push(() => server.close());
  const { port } = server.address() as { port: number };
  return { address: at, port, seen };
}

const transportTo = (...kdc: string[]) =>
  new NetworkTransport({ locator: staticLocator({ [realm]: { kdc } }), patience: 10_000 });
/** One that soon tries the next KDC. */
const hastyTo = (...kdc: string[]) =>
  new NetworkTransport({ locator: staticLocator({ [realm]: { kdc } }), patience: 50 });

describe("UDP and TCP (RFC 4120 7.2)", () => {
  test("a datagram there and a datagram back, again on the same socket", async () => {
    const kdc = await udpKdc((message) => Uint8Array.of(...message, 33));
    const transport = transportTo(`udp/${kdc.address}:${kdc.port}`);
    for (let round = 0; round < 3; round++) {
      expect(toHex(await transport.exchange(realm, request, inTime()))).toBe(toHex(utf8("request!")));
    }
  });

  test("an answer too big for a datagram is fetched over TCP, from then on at once", async () => {
    const tcp = await tcpKdc(() => utf8("big answer"));
    const udp = await udpKdc(() => krbError(ErrorCode.KRB_ERR_RESPONSE_TOO_BIG), tcp.address, tcp.port);
    const transport = transportTo(`${tcp.address}:${tcp.port}`);
    for (let round = 0; round < 2; round++) {
      expect(toHex(await transport.exchange(realm, request, inTime()))).toBe(toHex(utf8("big answer")));
    }
    expect([udp.seen.length, tcp.seen.length]).toEqual([1, 2]);
  });

  test("a big request goes over TCP first", async () => {
    const tcp = await tcpKdc(() => utf8("answer"));
    const udp = await udpKdc(() => utf8("wrong way"), tcp.address, tcp.port);
    const transport = transportTo(`${tcp.address}:${tcp.port}`);
    await transport.exchange(realm, new Uint8Array(2000), inTime());
    expect([udp.seen.length, tcp.seen.length]).toEqual([0, 1]);
  });

  test("an answer that comes in small pieces is put together", async () => {
    const long = new Uint8Array(5000).fill(7);
    const tcp = await tcpKdc(() => long, undefined, 777);
    const answer = await transportTo(`tcp/${tcp.address}:${tcp.port}`).exchange(realm, request, inTime());
    expect(toHex(answer)).toBe(toHex(long));
  });

  test("a peer that announces four gigabytes is not listened to", async () => {
    const server = createServer((socket) =>
      socket.once("data", () => socket.write(Buffer.from("ffffffff00", "hex"))),
    );
    const at = loopbackAddress();
    await new Promise<void>((resolve) => server.listen(0, at, resolve));
    closers.push(() => server.close());
    const { port } = server.address() as { port: number };
    const attempt = transportTo(`tcp/${at}:${port}`).exchange(realm, request, inTime());
    await expect(attempt).rejects.toMatchObject({ code: "KDC_UNREACHABLE" });
  });
});

describe("several KDCs within one deadline", () => {
  test("a silent KDC is not waited for longer than its head start", async () => {
    const silent = await udpKdc(() => undefined);
    const alive = await udpKdc(() => utf8("answer"));
    const transport = hastyTo(`udp/${silent.address}:${silent.port}`, `udp/${alive.address}:${alive.port}`);
    const start = Date.now();
    expect(toHex(await transport.exchange(realm, request, inTime()))).toBe(toHex(utf8("answer")));
    expect(Date.now() - start).toBeLessThan(10_000);
  });

  test("a KDC that is not there is passed over at once", async () => {
    const gone = await udpKdc(() => undefined);
    closers.pop()?.();
    const alive = await tcpKdc(() => utf8("answer"));
    const transport = transportTo(`${gone.address}:${gone.port}`, `tcp/${alive.address}:${alive.port}`);
    await transport.exchange(realm, request, inTime());
    expect(alive.seen).toHaveLength(1);
  });

  test("a KDC that has no service now makes room for the next; its error is told when there is none", async () => {
    const busy = await udpKdc(() => krbError(ErrorCode.KDC_ERR_SVC_UNAVAILABLE));
    const alive = await udpKdc(() => utf8("answer"));
    const both = transportTo(`udp/${busy.address}:${busy.port}`, `udp/${alive.address}:${alive.port}`);
    expect(toHex(await both.exchange(realm, request, inTime()))).toBe(toHex(utf8("answer")));
    const alone = await transportTo(`udp/${busy.address}:${busy.port}`).exchange(realm, request, inTime());
    expect(KrbError.decode(alone).errorCode).toBe(ErrorCode.KDC_ERR_SVC_UNAVAILABLE);
  });

  test("the deadline counts for all together", async () => {
    const silent = await udpKdc(() => undefined);
    const place = `udp/${silent.address}:${silent.port}`;
    const start = Date.now();
    const attempt = transportTo(place, place).exchange(realm, request, { deadline: start + 200 });
    await expect(attempt).rejects.toMatchObject({ code: "KDC_UNREACHABLE", family: "environment" });
    expect(Date.now() - start).toBeLessThan(9000);
  });

  test("an abort ends the wait, and one from before lets nothing be sent", async () => {
    const silent = await udpKdc(() => undefined);
    const transport = transportTo(`udp/${silent.address}:${silent.port}`);
    const controller = new AbortController();
    const attempt = transport.exchange(realm, request, { ...inTime(), signal: controller.signal });
    const sent = expect.poll(() => silent.seen.length).toBe(1);
    void sent.then(() => controller.abort());
    await expect(attempt).rejects.toMatchObject({ code: "ABORTED" });
    const second = transport.exchange(realm, request, { ...inTime(), signal: controller.signal });
    await expect(second).rejects.toMatchObject({ code: "ABORTED" });
    expect(silent.seen).toHaveLength(1);
  });

  test("a realm nobody knows", async () => {
    const attempt = transportTo("127.0.0.1").exchange("OTHER.TEST", request, inTime());
    await expect(attempt).rejects.toMatchObject({ code: "KDC_NOT_FOUND" });
  });
});

describe("KDC proxy over HTTPS (MS-KKDCP)", () => {
  test("message, length and realm are wrapped and unwrapped", async () => {
    const directory = mkdtempSync(join(tmpdir(), "waybill-kkdcp-"));
    closers.push(() => rmSync(directory, { recursive: true }));
    const [key, cert] = [join(directory, "key.pem"), join(directory, "cert.pem")];
    const at = loopbackAddress();
    const subject = ["-subj", "/CN=proxy", "-addext", `subjectAltName=IP:${at}`];
    const ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    execFileSync("openssl", ["req", "-x509", ...ec, ...subject, "-keyout", key, "-out", cert], {
      stdio: "ignore",
    });
    const tls = { key: readFileSync(key), cert: readFileSync(cert) };
    const server = createHttpsServer(tls, (incoming, response) => {
      const chunks: Buffer[] = [];
      incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
      incoming.on("end", () => {
        const asked = KdcProxyMessage.decode(Buffer.concat(chunks));
        const ok =
          incoming.url === "/KdcProxy" && asked.targetDomain === realm && asked.kerbMessage.length === 11;
        response.statusCode = ok ? 200 : 500;
        response.end(KdcProxyMessage.encode({ kerbMessage: Buffer.from("00000002abcd", "hex") }));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, at, resolve));
    closers.push(() => server.close());
    const { port } = server.address() as { port: number };
    const locator = staticLocator({ [realm]: { kdc: [`https://${at}:${port}/KdcProxy`] } });
    const transport = new NetworkTransport({ locator, proxyTls: { ca: tls.cert } });
    expect(toHex(await transport.exchange(realm, request, inTime()))).toBe("abcd");
    const stranger = new NetworkTransport({ locator });
    await expect(stranger.exchange(realm, request, inTime())).rejects.toMatchObject({
      code: "KDC_UNREACHABLE",
    });
  });
});

describe("finding KDCs", () => {
  test.each([
    ["dc1.lab.test", { protocol: "any", host: "dc1.lab.test", port: 88 }],
    ["dc1.lab.test:1088", { protocol: "any", host: "dc1.lab.test", port: 1088 }],
    ["tcp/dc1:88", { protocol: "tcp", host: "dc1", port: 88 }],
    ["[2001:db8::1]:89", { protocol: "any", host: "2001:db8::1", port: 89 }],
    [
      "https://proxy.lab.test/KdcProxy",
      { protocol: "https", host: "proxy.lab.test", port: 443, path: "/KdcProxy" },
    ],
  ])("%s", (text, endpoint) => {
    expect(parseKdcAddress(text)).toEqual(endpoint);
  });

  test("krb5.conf, and where the password service is when it does not say", async () => {
    const conf = parseKrb5Conf(
      "[libdefaults]\n dns_lookup_kdc = no\n[realms]\n LAB.TEST = {\n kdc = dc1\n kdc = dc2:1088\n admin_server = dc1:749\n }\n",
    );
    const locator = confLocator(conf);
    expect(await locator.locate(realm, "kdc")).toEqual([
      { protocol: "any", host: "dc1", port: 88 },
      { protocol: "any", host: "dc2", port: 1088 },
    ]);
    expect(await locator.locate(realm, "kpasswd")).toEqual([{ protocol: "any", host: "dc1", port: 464 }]);
    expect(await locator.locate("OTHER.TEST", "kdc")).toEqual([]);
  });

  test("DNS SRV: priorities first, UDP and TCP of one host together, a dot means no (RFC 2782)", async () => {
    const records: Record<string, { name: string; port: number; priority: number; weight: number }[]> = {
      "_kerberos._udp.LAB.TEST": [
        { name: "dc2", port: 88, priority: 10, weight: 0 },
        { name: "dc1", port: 88, priority: 0, weight: 100 },
      ],
      "_kerberos._tcp.LAB.TEST": [
        { name: "dc1", port: 88, priority: 0, weight: 100 },
        { name: "dc3", port: 88, priority: 0, weight: 0 },
      ],
      "_kpasswd._udp.LAB.TEST": [{ name: ".", port: 0, priority: 0, weight: 0 }],
    };
    const resolver = {
      resolveSrv: async (name: string) =>
        records[name] ?? Promise.reject(Object.assign(new Error(), { code: "ENOTFOUND" })),
    };
    const locator = dnsLocator({ resolver });
    expect(await locator.locate(realm, "kdc")).toEqual([
      { protocol: "any", host: "dc1", port: 88 },
      { protocol: "udp", host: "dc2", port: 88 },
      { protocol: "tcp", host: "dc3", port: 88 },
    ]);
    expect(await locator.locate(realm, "kpasswd")).toEqual([]);
  });
});
