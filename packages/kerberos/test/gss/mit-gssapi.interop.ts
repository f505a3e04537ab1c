import { join } from "node:path";
import { concatBytes, utf8 } from "@waybill/base";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type Credential,
  createAcceptor,
  createInitiator,
  EncType,
  encTypesWithRc4,
  GssFlags,
  KerberosClient,
  type Keytab,
  MemoryReplayCache,
  NetworkTransport,
  parsePrincipal,
  readKeytab,
  type SecurityContext,
  staticLocator,
  tlsServerEndPoint,
} from "../../src/index.ts";
import { MitRealm } from "../support/mit-realm.ts";
import { run } from "../support/processes.ts";
import { GssapiPeer } from "./gssapi-peer.ts";

const { mutual, replay, sequence, confidentiality, integrity, dceStyle, delegate } = GssFlags;
const usual = mutual | replay | sequence | confidentiality | integrity;
// One service for each encryption type: the KDC picks session keys by what the service's keys are.
const services = ["aes256-cts", "aes128-cts", "aes256-sha2", "aes128-sha2", "rc4-hmac"];
// rc4-hmac (RFC 4757) is off unless named.
const etypesFor = (enctype: string) => (enctype === "rc4-hmac" ? encTypesWithRc4 : undefined);
const nameOf = (enctype: string): string => `HTTP/${enctype}.mit.test`;

let realm: MitRealm;
let keytabPath: string;
let keytab: Keytab;
let client: KerberosClient;
let tgt: Credential;
let peer: GssapiPeer;
const replayCache = new MemoryReplayCache();

beforeAll(async () => {
  realm = await MitRealm.start({
    principals: [
      { name: "alice", password: "alice-pw" },
      ...services.map((enctype) => ({ name: nameOf(enctype), enctypes: enctype })),
    ],
  });
  await realm.kadmin(
    `setstr ${nameOf("rc4-hmac")} session_enctypes rc4-hmac`,
    'setstr krbtgt/MIT.TEST session_enctypes "aes256-cts aes128-cts aes256-sha2 aes128-sha2"',
  );
  keytabPath = await realm.exportKeytab(...services.map(nameOf));
  keytab = await readKeytab(keytabPath);
  const locator = staticLocator({ "MIT.TEST": { kdc: [realm.address] } });
  client = new KerberosClient({ transport: new NetworkTransport({ locator }) });
  tgt = await client.login({ principal: parsePrincipal("alice@MIT.TEST"), password: "alice-pw" });
  const env = { ...realm.env, KRB5CCNAME: join(realm.directory, "cc"), KRB5RCACHETYPE: "none" };
  await run("kinit", ["-f", "alice"], { env, input: "alice-pw\n" });
  peer = new GssapiPeer(env);
});
afterAll(async () => {
  peer?.stop();
  await realm?.stop();
});

const etypeOf: Readonly<Record<string, number>> = {
  "aes256-cts": 18,
  "aes128-cts": 17,
  "aes256-sha2": 20,
  "aes128-sha2": 19,
  "rc4-hmac": 23,
};

async function ticketFor(enctype: string): Promise<Credential> {
  const server = parsePrincipal(`${nameOf(enctype)}@MIT.TEST`);
  return await client.getTicket({ tgt, server, etypes: [etypeOf[enctype]!] });
}

/** We initiate, MIT accepts. */
async function weInitiate(
  enctype: string,
  options: Omit<Parameters<typeof createInitiator>[0], "credential">,
  bindings?: Uint8Array,
): Promise<SecurityContext> {
  const initiator = createInitiator({
    ...options,
    etypes: etypesFor(enctype),
    credential: await ticketFor(enctype),
  });
  await peer.accept(keytabPath, bindings);
  let mine = initiator.step();
  for (let leg = 0; leg < 4; leg++) {
    const theirs = await peer.step(mine.token);
    if (theirs.token === undefined) break;
    mine = initiator.step(theirs.token);
    if (mine.token === undefined) break;
  }
  expect(initiator.context).toBeDefined();
  return initiator.context!;
}

/** MIT initiates, we accept. */
async function theyInitiate(
  enctype: string,
  mechanism: string,
  flags: number,
  bindings?: Uint8Array,
): Promise<SecurityContext> {
  const acceptor = createAcceptor({
    keytab,
    replayCache,
    etypes: etypesFor(enctype),
    ...(bindings === undefined
      ? {}
      : { channelBindings: { applicationData: bindings }, requireChannelBindings: true }),
  });
  await peer.initiate(`${nameOf(enctype)}@MIT.TEST`, mechanism, flags, bindings);
  let theirs = await peer.step();
  for (let leg = 0; leg < 4 && theirs.token !== undefined; leg++) {
    const mine = acceptor.step(theirs.token);
    if (mine.token === undefined) break;
    theirs = await peer.step(mine.token);
  }
  expect(acceptor.context).toBeDefined();
  return acceptor.context!;
}

async function talk(context: SecurityContext): Promise<void> {
  for (const size of [0, 1, 100, 4096]) {
    const message = new Uint8Array(size).fill(size & 0xff);
    for (const confidential of [true, false]) {
      expect(await peer.unwrap(context.wrap(message, confidential))).toEqual({ message, confidential });
      expect(context.unwrap(await peer.wrap(message, confidential))).toEqual({ message, confidential });
    }
    await peer.verify(message, context.getMic(message));
    context.verifyMic(message, await peer.mic(message));
  }
}

/** gss_wrap_iov with header, data and padding: what pywinrm and pypsrp put into WinRM's frames. */
async function talkWithHeaders(context: SecurityContext, sizes = [1, 16, 100, 5000]): Promise<number> {
  // Tokens of RFC 4757 end with an octet of padding, except in DCE style.
  const padding = context.sessionKey.keytype === 23 && (context.flags & dceStyle) === 0 ? 1 : 0;
  let headerLength = 0;
  for (const size of sizes) {
    const message = new Uint8Array(size).fill(65);
    for (const confidential of [true, false]) {
      const theirs = await peer.wrapIov(message, confidential);
      expect(theirs.padding.length).toBe(padding);
      const payload = concatBytes(theirs.payload, theirs.padding);
      expect(context.unwrapWithHeader(theirs.header, payload, confidential)).toEqual(message);
      const mine = context.wrapWithHeader(message, confidential);
      expect(mine.header.length).toBe(theirs.header.length);
      expect(await peer.unwrapIov(mine.header, mine.payload, padding)).toEqual({ message, confidential });
      if (confidential) headerLength = mine.header.length;
    }
  }
  return headerLength;
}

async function samePrf(context: SecurityContext): Promise<void> {
  for (const [length, partial] of [
    [32, false],
    [32, true],
    [100, false],
  ] as const) {
    expect(context.prf(utf8("waybill migration"), length, partial)).toEqual(
      await peer.prf(utf8("waybill migration"), length, partial),
    );
  }
}

describe.each(services)("MIT libgssapi_krb5, %s", (enctype) => {
  test.each([
    ["krb5", usual],
    ["spnego", usual],
    ["krb5", mutual | integrity | confidentiality],
    ["krb5", replay | sequence | integrity | confidentiality],
    ["spnego", integrity],
  ] as const)("as acceptor: %s, flags %i", async (mechanism, flags) => {
    const context = await weInitiate(enctype, { mechanism, flags });
    const state = await peer.state();
    expect(state.initiator).toBe("alice@MIT.TEST");
    expect(state.flags & 0x3f & ~(integrity | confidentiality)).toBe(flags & ~(integrity | confidentiality));
    await talk(context);
    await talkWithHeaders(context);
    await samePrf(context);
  });

  test.each([
    ["krb5", usual],
    ["spnego", usual],
    ["krb5", mutual | integrity | confidentiality],
    ["krb5", replay | sequence | integrity | confidentiality],
    ["spnego", integrity],
  ] as const)("as initiator: %s, flags %i", async (mechanism, flags) => {
    const context = await theyInitiate(enctype, mechanism, flags);
    if (enctype === "rc4-hmac") expect(context.sessionKey.keytype).toBe(EncType.rc4Hmac);
    expect(context.peerName).toBe("alice@MIT.TEST");
    await talk(context);
    await talkWithHeaders(context);
    await samePrf(context);
  });

  test("DCE style, three legs, in both directions", async () => {
    const flags = usual | dceStyle;
    await talkWithHeaders(await weInitiate(enctype, { mechanism: "krb5", flags }));
    await talkWithHeaders(await theyInitiate(enctype, "krb5", flags));
    await talkWithHeaders(await weInitiate(enctype, { mechanism: "spnego", flags }));
    await talkWithHeaders(await theyInitiate(enctype, "spnego", flags));
  });
});

test("the header of a sealed WinRM message has 60 octets, as Windows' has", async () => {
  expect(await talkWithHeaders(await theyInitiate("aes256-cts", "spnego", usual))).toBe(60);
});

describe("channel bindings with MIT", () => {
  const { applicationData } = tlsServerEndPoint(new Uint8Array(32).fill(9));
  test("same on both sides", async () => {
    await talk(await weInitiate("aes256-cts", { channelBindings: { applicationData } }, applicationData));
    const context = await theyInitiate("aes256-cts", "spnego", usual, applicationData);
    expect(context.channelBound).toBe(true);
  });

  test("different ones are refused by both", async () => {
    const other = { applicationData: utf8("another channel") };
    await expect(weInitiate("aes256-cts", { channelBindings: other }, applicationData)).rejects.toThrow(
      /BadChannelBindings/,
    );
    const acceptor = createAcceptor({ keytab, replayCache, channelBindings: other });
    await peer.initiate(`${nameOf("aes256-cts")}@MIT.TEST`, "krb5", usual, applicationData);
    const { token } = await peer.step();
    expect(() => acceptor.step(token)).toThrow(expect.objectContaining({ code: "GSS_BAD_BINDINGS" }));
  });
});

describe("delegation with MIT", () => {
  test("MIT reads what we delegate", async () => {
    await talk(await weInitiate("aes256-cts", { delegate: tgt }));
    expect((await peer.state()).delegated).toBe("alice@MIT.TEST");
  });

  test("we read and use what MIT delegates", async () => {
    const context = await theyInitiate("aes256-cts", "spnego", usual | delegate);
    const [forwarded] = context.delegatedCredentials!;
    expect(forwarded!.client.components).toEqual(["alice"]);
    expect(forwarded!.server.components).toEqual(["krbtgt", "MIT.TEST"]);
    const server = parsePrincipal(`${nameOf("aes128-cts")}@MIT.TEST`);
    const ticket = await new KerberosClient({
      transport: new NetworkTransport({ locator: staticLocator({ "MIT.TEST": { kdc: [realm.address] } }) }),
    }).getTicket({ tgt: forwarded!, server });
    expect(ticket.client.components).toEqual(["alice"]);
  });
});

test("MIT's refusal of a ticket it cannot open reaches us by name", async () => {
  const other = await realm.exportKeytab(nameOf("aes128-cts"));
  const initiator = createInitiator({ mechanism: "krb5", credential: await ticketFor("aes256-cts") });
  await peer.accept(other);
  await expect(peer.step(initiator.step().token)).rejects.toThrow(/libgssapi/);
});
