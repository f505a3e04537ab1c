import { fromUtf8, utf8, VirtualClock } from "@waybill/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  Action,
  childText,
  type EnumerationItem,
  type Envelope,
  element,
  encryptedContentType,
  type InitiatorContext,
  Ns,
  readEncryptedMessage,
  readEnumerationResponse,
  readEnvelope,
  readFault,
  readXml,
  SealProtocol,
  type ServerResponse,
  WsmanError,
  type WsmanProvider,
  WsmanServer,
  type WsmanServerOptions,
  writeEncryptedMessage,
  writeEnumerate,
  writeEnvelope,
  writePull,
  writeXml,
} from "../../src/index.ts";
import { EnumerationContexts } from "../../src/server/enumeration-contexts.ts";
import { ShelfProvider, shelfUri } from "../support/shelf-provider.ts";
import { ToyBroker, toySecurity } from "../support/toy-security.ts";

/** A client without HTTP: requests go to the core as values. */
class Caller {
  readonly server: WsmanServer;
  readonly provider = new ShelfProvider();
  readonly broker = new ToyBroker();
  readonly connectionId: string;
  context: InitiatorContext | undefined;

  constructor(options: Partial<WsmanServerOptions> = {}, connectionId = "c1") {
    this.connectionId = connectionId;
    this.server = new WsmanServer({ provider: this.provider, broker: this.broker, ...options });
  }

  async post(body: Uint8Array, headers: Record<string, string>): Promise<ServerResponse> {
    const { connectionId } = this;
    return await this.server.handle({
      connectionId,
      method: "POST",
      path: "/wsman",
      headers,
      body,
      secure: false,
    });
  }

  async signIn(user = "alice"): Promise<ServerResponse> {
    const context = toySecurity(user).createContext(new AbortController().signal);
    if (context instanceof Promise) throw new Error("the toy is synchronous");
    const step = await context.step(undefined);
    const authorization = `Negotiate ${Buffer.from(step.token ?? []).toString("base64")}`;
    const answer = await this.post(new Uint8Array(0), { authorization });
    this.context = context;
    return answer;
  }

  async send(message: string | Uint8Array): Promise<{ status: number; text: string; envelope: Envelope }> {
    const plain = typeof message === "string" ? utf8(message) : message;
    const { context } = this;
    if (context === undefined) throw new Error("sign in first");
    const framed = writeEncryptedMessage({
      protocol: SealProtocol.spnego,
      length: plain.length,
      ...context.wrapWithHeader(plain),
    });
    const type = encryptedContentType(SealProtocol.spnego);
    const answer = await this.post(framed, { "content-type": type });
    expect(answer.headers["content-type"]).toBe(type);
    const sealed = readEncryptedMessage(type, answer.body);
    const text = fromUtf8(context.unwrapWithHeader(sealed.header, sealed.payload));
    return { status: answer.status, text, envelope: readEnvelope(readXml(text)) };
  }

  async ask(envelope: Envelope) {
    return await this.send(
      writeXml(writeEnvelope({ resourceUri: shelfUri, messageId: "uuid:1", ...envelope })),
    );
  }

  async faultOf(envelope: Envelope): Promise<string> {
    const { envelope: answer } = await this.ask(envelope);
    return answer.body === undefined ? "" : readFault(answer.body).subcode;
  }
}

async function signedIn(options: Partial<WsmanServerOptions> = {}): Promise<Caller> {
  const caller = new Caller(options);
  expect((await caller.signIn()).status).toBe(200);
  return caller;
}

describe("what a server answers", () => {
  it("relates its answer to the request", async () => {
    const caller = await signedIn();
    const { envelope } = await caller.ask({ action: Action.get, selectors: { Name: "red" } });
    expect(envelope).toMatchObject({ relatesTo: "uuid:1", action: `${Action.get}Response` });
  });

  it.each<[string, Envelope, string]>([
    ["no action", {}, "MessageInformationHeaderRequired"],
    ["an unknown action", { action: "urn:nothing" }, "ActionNotSupported"],
    ["a method name that is none", { action: `${shelfUri}/../x` }, "ActionNotSupported"],

    ["Create of nothing", { action: Action.create }, "SchemaValidationError"],
    ["Delete of nothing", { action: Action.delete }, "DestinationUnreachable"],
    ["no resource", { action: Action.get, resourceUri: "" }, "DestinationUnreachable"],
    [
      "an answer to somebody else",
      { action: Action.get, replyTo: "http://elsewhere/" },
      "UnsupportedFeature",
    ],
    ["Put of nothing", { action: Action.put }, "SchemaValidationError"],
    [
      "Pull of nothing",
      { action: Action.pull, body: element(Ns.enumeration, "Pull") },
      "SchemaValidationError",
    ],
    [
      "Pull of the unknown",
      { action: Action.pull, body: writePull({ context: "x", maxElements: 1 }) },
      "InvalidEnumerationContext",
    ],
  ])("%s is a fault", async (_name, envelope, subcode) => {
    expect(await (await signedIn()).faultOf(envelope)).toBe(subcode);
  });

  it("a provider without Create and Delete has none", async () => {
    const shelf = new ShelfProvider();
    const provider: WsmanProvider = {
      identify: async () => await shelf.identify(),
      get: async (context) => await shelf.get(context),
      put: async (context, instance) => await shelf.put(context, instance),
      enumerate: async (context, query) => await shelf.enumerate(context, query),
      invoke: async (context, method, input) => await shelf.invoke(context, method, input),
    };
    const caller = new Caller({ provider });
    await caller.signIn();
    expect(await caller.faultOf({ action: Action.create, body: element("", "x") })).toBe(
      "ActionNotSupported",
    );
    expect(await caller.faultOf({ action: Action.delete })).toBe("ActionNotSupported");
  });

  it("refuses methods and paths that are none of its own", async () => {
    const { server } = new Caller();
    const base = { connectionId: "x", headers: {}, body: new Uint8Array(0), secure: false };
    expect((await server.handle({ ...base, method: "GET", path: "/wsman" })).status).toBe(405);
    expect((await server.handle({ ...base, method: "POST", path: "/" })).status).toBe(404);
    expect((await server.handle({ ...base, method: "POST", path: "/wsman?PSVersion=5" })).status).toBe(401);
  });

  it.each([
    "Negotiate",
    "Negotiate !!!",
    "Basic dTpw",
    "Negotiate AAAA",
    "Kerberos AAAA",
    `Negotiate ${"A".repeat(100_000)}`,
  ])("refuses the authorization %.30s", async (authorization) => {
    const caller = new Caller();
    const answer = await caller.post(new Uint8Array(0), { authorization });
    expect(answer).toMatchObject({ status: 401, headers: { "www-authenticate": ["Negotiate", "Kerberos"] } });
    expect(caller.broker.contexts.size).toBe(0);
  });

  it("a sealed body without a session, or with another connection's, is worth nothing", async () => {
    const caller = await signedIn();
    const type = encryptedContentType(SealProtocol.spnego);
    const sealed = caller.context?.wrapWithHeader(utf8("<x/>")) ?? { header: utf8(""), payload: utf8("") };
    const body = writeEncryptedMessage({ protocol: SealProtocol.spnego, length: 4, ...sealed });
    const other = {
      connectionId: "c2",
      method: "POST",
      path: "/wsman",
      headers: { "content-type": type },
      body,
    };
    expect((await caller.server.handle({ ...other, secure: false })).status).toBe(401);
  });

  const failing = (family: "environment" | "caller", code: string) => () =>
    Promise.reject(new WsmanError("no", { family, code }));

  it("a broker out of reach is 503, one that forgot the session 401", async () => {
    const caller = await signedIn();
    const body = writeEncryptedMessage({
      protocol: SealProtocol.spnego,
      length: 1,
      header: utf8("h"),
      payload: utf8("p"),
    });
    const headers = { "content-type": encryptedContentType(SealProtocol.spnego) };
    caller.broker.unseal = failing("caller", "SESSION_UNKNOWN");
    expect((await caller.post(body, headers)).status).toBe(401);
    await caller.signIn();
    caller.broker.unseal = failing("environment", "SERVICE_UNREACHABLE");
    expect(await caller.post(body, headers)).toMatchObject({ status: 503, close: true });
    caller.broker.accept = failing("environment", "SERVICE_UNREACHABLE");
    expect(await caller.signIn()).toMatchObject({ status: 503, close: true });
    expect(caller.broker.contexts.size).toBe(0);
  });

  it("a replayed message ends the session", async () => {
    const caller = await signedIn();
    const plain = utf8(
      writeXml(writeEnvelope({ action: Action.get, resourceUri: shelfUri, selectors: { Name: "red" } })),
    );
    const sealed = caller.context?.wrapWithHeader(plain) ?? { header: utf8(""), payload: utf8("") };
    const body = writeEncryptedMessage({ protocol: SealProtocol.spnego, length: plain.length, ...sealed });
    const headers = { "content-type": encryptedContentType(SealProtocol.spnego) };
    expect((await caller.post(body, headers)).status).toBe(200);
    expect(await caller.post(body, headers)).toMatchObject({ status: 400, close: true });
    expect(caller.broker.contexts.size).toBe(0);
    expect(caller.provider.calls).toHaveLength(1);
  });

  it("strangers get no XML parsed beyond an Identify", async () => {
    const answer = await new Caller().post(utf8(`<a>${"<b/>".repeat(2000)}</a>`), {});
    expect(answer.status).toBe(401);
  });

  it("a new sign-in on a connection replaces the old context", async () => {
    const caller = await signedIn();
    await caller.signIn("carol");
    expect(caller.broker.closed).toHaveLength(1);
    await caller.ask({ action: Action.get, selectors: { Name: "red" } });
    expect(caller.provider.calls).toEqual(["get carol"]);
  });

  it("TLS protects what is not sealed", async () => {
    const caller = await signedIn();
    const message = writeXml(
      writeEnvelope({ action: Action.get, resourceUri: shelfUri, selectors: { Name: "red" } }),
    );
    const request = { connectionId: "c1", method: "POST", path: "/wsman", headers: {}, body: utf8(message) };
    expect((await caller.server.handle({ ...request, secure: false })).status).toBe(403);
    expect((await caller.server.handle({ ...request, secure: true })).status).toBe(200);
  });

  it("limits the size of requests and of answers", async () => {
    const caller = await signedIn({ maxEnvelopeSize: 20_000 });
    expect((await caller.post(new Uint8Array(30_000), {})).status).toBe(413);
    const long = element(shelfUri, "Echo_INPUT", element(shelfUri, "Text", "x".repeat(9000)));
    const echo = { action: `${shelfUri}/Echo`, body: long };
    expect(await caller.faultOf({ ...echo, maxEnvelopeSize: 8192 })).toBe("EncodingLimit");
    expect(caller.provider.calls).toEqual(["Echo"]);
    expect((await caller.ask({ ...echo, maxEnvelopeSize: 12_000 })).text).toContain("x".repeat(9000));
  });

  it("a client that could not take every fault is refused before anything is done", async () => {
    const caller = await signedIn();
    const action = { action: Action.get, selectors: { Name: "red" } };
    expect(await caller.faultOf({ ...action, maxEnvelopeSize: 8191 })).toBe("EncodingLimit");
    expect(caller.provider.calls).toEqual([]);
  });

  it("requests of one connection take turns", async () => {
    const caller = await signedIn();
    const names = ["red", "green", "red", "green"];
    const messages = names.map((name) => caller.ask({ action: Action.get, selectors: { Name: name } }));
    for (const [index, { envelope }] of (await Promise.all(messages)).entries()) {
      expect(envelope.body && childText(envelope.body, shelfUri, "Name")).toBe(names[index]);
    }
  });
});

describe("enumerations", () => {
  it("batches by MaxEnvelopeSize and loses nothing", async () => {
    const caller = await signedIn();
    for (let i = 0; i < 50; i += 1) caller.provider.boxes.set(`box${i}`, "w".repeat(400));
    const start = {
      action: Action.enumerate,
      body: writeEnumerate({ mode: "objects", optimized: 100 }),
      maxEnvelopeSize: 8192,
    };
    let answer = await caller.ask(start);
    const seen: EnumerationItem[] = [];
    for (let turn = 0; turn < 100; turn += 1) {
      expect(answer.text.length).toBeLessThanOrEqual(8192);
      const batch = answer.envelope.body && readEnumerationResponse(answer.envelope.body);
      seen.push(...(batch?.items ?? []));
      if (batch?.end !== false) break;
      const body = writePull({ context: batch.context ?? "", maxElements: 100 });
      answer = await caller.ask({ action: Action.pull, body, maxEnvelopeSize: 8192 });
    }
    expect(seen).toHaveLength(53);
  });

  const contexts = (clock: VirtualClock) =>
    new EnumerationContexts({ maxPerSession: 2, idleTimeout: 1000, maxBatch: 10 }, clock);
  const three = (): EnumerationItem[] => Array.from({ length: 3 }, () => ({ instance: element("", "a") }));

  it("belong to their session, expire, and are limited", async () => {
    const clock = new VirtualClock();
    const open = contexts(clock);
    const id = open.add("alice", three());
    await expect(open.pull("bob", id, 1, 1e6)).rejects.toMatchObject({
      fault: { subcode: "InvalidEnumerationContext" },
    });
    expect((await open.pull("alice", id, 1, 1e6)).items).toHaveLength(1);
    open.add("alice", three());
    expect(() => open.add("alice", three())).toThrow("enumerations");
    open.add("bob", three());
    clock.advance(1001);
    await expect(open.pull("alice", id, 1, 1e6)).rejects.toMatchObject({
      fault: { subcode: "InvalidEnumerationContext" },
    });
    expect(open.size).toBe(0);
  });

  it("end with their session", () => {
    const open = contexts(new VirtualClock());
    open.add("alice", three());
    open.add("bob", three());
    open.releaseSession("alice");
    expect(open.size).toBe(1);
  });
});

describe("malformed SOAP from a signed-in caller", () => {
  const valid = writeXml(
    writeEnvelope({
      action: Action.enumerate,
      resourceUri: shelfUri,
      messageId: "uuid:1",
      selectors: { Name: "red" },
      operationTimeout: 1000,
      body: writeEnumerate({ mode: "references", optimized: 2, filter: { dialect: "urn:d", text: "t" } }),
    }),
  );

  it("always gets a sealed answer that reads as an envelope", async () => {
    const caller = await signedIn();
    const edit = fc.record({
      at: fc.nat(valid.length),
      cut: fc.nat(20),
      put: fc.constantFrom("", "<", ">", "&", "\0", "x", "</s:Body>", "é", "]]>"),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 4 }), async (edits) => {
        let text = valid;
        for (const { at, cut, put } of edits) text = text.slice(0, at) + put + text.slice(at + cut);
        const answer = await caller.send(text);
        expect([200, 500]).toContain(answer.status);
        expect(answer.text).not.toMatch(/TypeError|RangeError|undefined|\bat .*\.ts/);
      }),
      { numRuns: 300 },
    );
  });

  it("so do plain bytes", async () => {
    const caller = await signedIn();
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        expect((await caller.send(bytes)).status).toBe(500);
      }),
      { numRuns: 100 },
    );
  });
});
