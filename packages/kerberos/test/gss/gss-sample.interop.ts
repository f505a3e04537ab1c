import { randomInt } from "node:crypto";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { emptyBytes, fromUtf8, utf8 } from "@waybill/base";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type Credential,
  createAcceptor,
  createInitiator,
  EncType,
  encTypesWithRc4,
  FileReplayCache,
  GssFlags,
  KerberosClient,
  type Keytab,
  NetworkTransport,
  parsePrincipal,
  readKeytab,
  staticLocator,
} from "../../src/index.ts";
import { MitRealm } from "../support/mit-realm.ts";
import { type Daemon, loopbackAddress, run, startDaemon, waitForPort } from "../support/processes.ts";
import { SampleConnection, SampleFlags } from "./gss-sample-protocol.ts";

const { mutual, replay, sequence, confidentiality, integrity } = GssFlags;
// One with AES keys, and one with RC4's alone (RFC 4757): off unless named.
const hosts = ["kvm01.mit.test", "rc4.mit.test"];
const etypeOf = (host: string): number =>
  host.startsWith("rc4") ? EncType.rc4Hmac : EncType.aes256CtsHmacSha1;
const message = "what the waybill says";

let realm: MitRealm;
let keytab: Keytab;
let keytabPath: string;
let env: Readonly<Record<string, string>>;
const tickets = new Map<string, Credential>();
let replayCache: FileReplayCache;
const address = loopbackAddress();

beforeAll(async () => {
  realm = await MitRealm.start({
    principals: [
      { name: "alice", password: "alice-pw" },
      { name: "host/kvm01.mit.test" },
      { name: "host/rc4.mit.test", enctypes: "rc4-hmac" },
    ],
  });
  await realm.kadmin("setstr host/rc4.mit.test session_enctypes rc4-hmac");
  keytabPath = await realm.exportKeytab(...hosts.map((host) => `host/${host}`));
  keytab = await readKeytab(keytabPath);
  replayCache = new FileReplayCache({ directory: join(realm.directory, "replay") });
  env = { ...realm.env, KRB5CCNAME: join(realm.directory, "cc"), KRB5RCACHETYPE: "none" };
  await run("kinit", ["-f", "alice"], { env, input: "alice-pw\n" });
  const locator = staticLocator({ "MIT.TEST": { kdc: [realm.address] } });
  const client = new KerberosClient({ transport: new NetworkTransport({ locator }) });
  const tgt = await client.login({ principal: parsePrincipal("alice@MIT.TEST"), password: "alice-pw" });
  for (const host of hosts) {
    const server = parsePrincipal(`host/${host}@MIT.TEST`);
    tickets.set(host, await client.getTicket({ tgt, server, etypes: [etypeOf(host)] }));
  }
});
afterAll(async () => {
  replayCache?.close();
  await realm?.stop();
});

describe.each(hosts)("MIT's gss-client against our acceptor, %s", (host) => {
  const heard: { peer: string; text: string; etype: number }[] = [];
  let server: Server;
  let port: number;

  beforeAll(async () => {
    server = createServer((socket) => void serve(new SampleConnection(socket)));
    await new Promise<void>((resolve) => server.listen(0, address, resolve));
    port = (server.address() as { port: number }).port;
  });
  afterAll(() => server?.close());

  async function serve(connection: SampleConnection): Promise<void> {
    const acceptor = createAcceptor({ keytab, replayCache, etypes: encTypesWithRc4 });
    await connection.receive();
    while (acceptor.context === undefined) {
      const { token } = (await connection.receive())!;
      const reply = acceptor.step(token);
      if (reply.token !== undefined) connection.send(SampleFlags.context, reply.token);
    }
    const { context } = acceptor;
    for (;;) {
      const frame = await connection.receive();
      if (frame === undefined || (frame.flags & SampleFlags.noop) !== 0) return;
      const wrapped = (frame.flags & SampleFlags.wrapped) !== 0;
      const plain = wrapped ? context.unwrap(frame.token) : { message: frame.token, confidential: false };
      expect(plain.confidential).toBe(wrapped && (frame.flags & SampleFlags.encrypted) !== 0);
      heard.push({
        peer: context.peerName,
        text: fromUtf8(plain.message),
        etype: context.sessionKey.keytype,
      });
      if ((frame.flags & SampleFlags.sendMic) !== 0)
        connection.send(SampleFlags.mic, context.getMic(plain.message));
      else connection.send(SampleFlags.noop, emptyBytes);
    }
  }

  test.each([
    ["-krb5"],
    ["-spnego"],
    ["-krb5", "-seq"],
    ["-krb5", "-noreplay", "-nomutual"],
    ["-krb5", "-nx"],
    ["-krb5", "-nw"],
    ["-krb5", "-nm"],
    ["-spnego", "-d"],
    ["-krb5", "-mcount", "5", "-ccount", "3"],
  ])("%s %s %s %s %s", async (...options: (string | undefined)[]) => {
    heard.length = 0;
    const given = options.filter((option) => option !== undefined);
    const out = await run("gss-client", ["-port", String(port), ...given, address, `host@${host}`, message], {
      env,
    });
    expect(heard.length).toBe(given.includes("-mcount") ? 15 : 1);
    for (const said of heard)
      expect(said).toEqual({ peer: "alice@MIT.TEST", text: message, etype: etypeOf(host) });
    if (!given.includes("-nm")) expect(out).toContain("Signature verified.");
  });
});

describe.each(hosts)("our initiator against MIT's gss-server, %s", (host) => {
  let port: number;
  let server: Daemon;
  beforeAll(async () => {
    // It listens on every address: only the port can be ours, and somebody may have it already.
    for (let tries = 0; ; tries++) {
      port = randomInt(20_000, 30_000);
      server = startDaemon("gss-server", ["-port", String(port), "-keytab", keytabPath, `host@${host}`], {
        env,
        log: join(realm.directory, `gss-server-${host}.log`),
      });
      try {
        return await waitForPort(address, port, server);
      } catch (error) {
        await server.stop();
        if (tries === 5) throw error;
      }
    }
  });
  afterAll(async () => await server?.stop());

  test.each([
    ["krb5", mutual | replay | sequence | confidentiality | integrity],
    ["spnego", mutual | replay | sequence | confidentiality | integrity],
    ["krb5", replay | integrity | confidentiality],
  ] as const)("%s, flags %i", async (mechanism, flags) => {
    const socket = connect(port, address);
    const connection = new SampleConnection(socket);
    connection.send(SampleFlags.noop | SampleFlags.contextNext, emptyBytes);
    const initiator = createInitiator({
      credential: tickets.get(host),
      mechanism,
      flags,
      etypes: encTypesWithRc4,
    });
    let step = initiator.step();
    for (;;) {
      if (step.token !== undefined) connection.send(SampleFlags.context, step.token);
      if (step.done) break;
      step = initiator.step((await connection.receive())!.token);
    }
    const context = initiator.context!;
    for (const encrypted of [true, false]) {
      const plain = utf8(`${message} ${encrypted}`);
      const seal = encrypted ? SampleFlags.encrypted : 0;
      const kind = SampleFlags.data | SampleFlags.wrapped | SampleFlags.sendMic | seal;
      connection.send(kind, context.wrap(plain, encrypted));
      const answer = (await connection.receive())!;
      expect(answer.flags).toBe(SampleFlags.mic);
      context.verifyMic(plain, answer.token);
    }
    connection.send(SampleFlags.noop, emptyBytes);
    socket.end();
  });
});
