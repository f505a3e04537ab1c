import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import {
  childText,
  element,
  faultError,
  type HttpListener,
  listenHttp,
  WsmanClient,
  type WsmanClientOptions,
  WsmanError,
  WsmanServer,
  type WsmanServerOptions,
} from "../../src/index.ts";
import { ShelfProvider, shelfUri } from "../support/shelf-provider.ts";
import { ToyBroker, toySecurity } from "../support/toy-security.ts";

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close();
});

async function shelf(options: Partial<WsmanServerOptions> & { legs?: number } = {}) {
  const provider = new ShelfProvider();
  const broker = new ToyBroker(options.legs ?? 0);
  const server = new WsmanServer({ provider, broker, machine: "shelf01", ...options });
  const listener = await listenHttp({ server, host: "127.0.0.1", port: 0 });
  open.push(listener);
  return { provider, broker, server, listener };
}

function client(listener: HttpListener, options: Partial<WsmanClientOptions> = {}): WsmanClient {
  const made = new WsmanClient({
    host: "127.0.0.1",
    port: listener.port,
    security: toySecurity("alice"),
    timeout: 20_000,
    ...options,
  });
  open.push(made);
  return made;
}

/** A certificate for localhost, made by openssl for this run. */
function selfSigned(): { key: string; cert: string } {
  const directory = mkdtempSync(join(tmpdir(), "waybill-tls-"));
  const [key, cert] = [join(directory, "key"), join(directory, "cert")];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
  execFileSync("openssl", ["req", "-x509", ...kind, ...subject, "-keyout", key, "-out", cert], {
    stdio: "ignore",
  });
  const made = { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") };
  rmSync(directory, { recursive: true });
  return made;
}

const box = (name: string) => ({ resourceUri: shelfUri, selectors: { Name: name } });
const say = (text: string) => element(shelfUri, "Echo_INPUT", element(shelfUri, "Text", text));

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function failure(work: Promise<unknown>): Promise<WsmanError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(WsmanError);
  return error as WsmanError;
}

describe("operations over HTTP with a sealed session", () => {
  it("invokes a method, sealed both ways, on one authenticated connection", async () => {
    const { listener, provider, broker } = await shelf();
    const c = client(listener);
    const output = await c.invoke(box("red"), "Echo", say('a < b & "c" \u{1f4e6} \r\n'));
    expect(output.name).toBe("Echo_OUTPUT");
    expect(childText(output, shelfUri, "Text")).toBe('a < b & "c" \u{1f4e6}');
    await c.invoke(box("red"), "Echo", say("again"));
    expect(broker.contexts.size).toBe(1);
    expect(provider.calls).toEqual(["Echo", "Echo"]);
  });

  it("negotiates over several legs", async () => {
    const { listener } = await shelf({ legs: 2 });
    expect((await client(listener).identify()).productVersion).toBe("9.9");
  });

  it("gets and puts an instance", async () => {
    const { listener } = await shelf();
    const c = client(listener);
    const got = await c.get(box("blue & <white>"));
    expect(childText(got, shelfUri, "Weight")).toBe("3");
    await c.put(box("red"), element(shelfUri, "Shelf_Box", element(shelfUri, "Weight", "17")));
    expect(childText(await c.get(box("red")), shelfUri, "Weight")).toBe("17");
  });

  it("creates and deletes an instance", async () => {
    const { listener, provider } = await shelf();
    const c = client(listener);
    const made = await c.create(
      shelfUri,
      element(shelfUri, "Shelf_Box", element(shelfUri, "Name", "new"), element(shelfUri, "Weight", "8")),
    );
    expect(childText(await c.get(made), shelfUri, "Weight")).toBe("8");
    await c.delete(made);
    expect(provider.boxes.has("new")).toBe(false);
    expect((await failure(c.delete(made))).hresult).toBe(0x80041002);
  });

  it("does the same over TLS, without sealing a second time", async () => {
    const { server, broker } = await shelf();
    const { key, cert } = selfSigned();
    const listener = await listenHttp({ server, host: "127.0.0.1", port: 0, tls: { key, cert } });
    open.push(listener);
    const c = client(listener, { tls: { ca: cert, servername: "localhost" } });
    expect(childText(await c.get(box("red")), shelfUri, "Weight")).toBe("1");
    expect((await c.identify()).productVersion).toBe("9.9");
    expect(broker.contexts.size).toBe(1);
    expect((await failure(client(listener, { tls: {} }).identify())).code).toBe("WSMAN_UNREACHABLE");
  });

  it("signs in again when the host says that the session has ended", async () => {
    const { listener, provider, broker } = await shelf();
    const get = provider.get.bind(provider);
    const ended = faultError("accessDenied", "the session has ended", { code: "SESSION_UNKNOWN" });
    provider.get = async (_context) => {
      provider.get = get;
      throw await Promise.resolve(ended);
    };
    expect(childText(await client(listener).get(box("red")), shelfUri, "Weight")).toBe("1");
    await expect.poll(() => broker.closed.length).toBe(1);
  });

  it("enumerates in batches of one, as objects, references and both", async () => {
    const { listener } = await shelf();
    const c = client(listener);
    const objects = await collect(c.enumerate(shelfUri, { batch: 1 }));
    expect(objects.map((item) => item.instance && childText(item.instance, shelfUri, "Name"))).toEqual([
      "red",
      "green",
      "blue & <white>",
    ]);
    const references = await collect(c.enumerate(shelfUri, { mode: "references" }));
    expect(references.map((item) => item.reference?.selectors.Name)).toEqual([
      "red",
      "green",
      "blue & <white>",
    ]);
    const [both] = await collect(c.enumerate(shelfUri, { mode: "objectsAndReferences" }));
    expect(both?.instance?.name).toBe("Shelf_Box");
    expect(both?.reference?.resourceUri).toBe(shelfUri);
  });

  it("releases an enumeration that the caller leaves early", async () => {
    const { listener, provider } = await shelf();
    for await (const _item of client(listener).enumerate(shelfUri, { batch: 1 })) break;
    expect(provider.returned).toBe(1);
  });

  it("carries a provider's fault with HRESULT, machine and remedy", async () => {
    const { listener } = await shelf();
    const error = await failure(client(listener).get(box("none")));
    expect(error).toMatchObject({
      hresult: 0x80041002,
      httpStatus: 500,
      remedy: "Look at the shelf.",
      message: "127.0.0.1: there is no such box",
    });
    expect(error.fault).toMatchObject({
      sender: true,
      subcode: "DestinationUnreachable",
      machine: "shelf01",
    });
  });

  it("hides what a broken provider said", async () => {
    const { listener } = await shelf();
    const error = await failure(client(listener).invoke(box("red"), "Crash", say("")));
    expect(error.fault?.subcode).toBe("InternalError");
    expect(JSON.stringify(error)).not.toContain("secret");
  });

  it("ends an operation at its deadline, on the server as well", async () => {
    const { listener } = await shelf({ maxOperationTimeout: 100 });
    const error = await failure(client(listener).invoke(box("red"), "Sleep", say("")));
    expect(error.fault?.subcode).toBe("TimedOut");
    expect(error.hresult).toBe(0x80338029);
  });

  it("stops waiting when the caller aborts, and works again afterwards", async () => {
    const { listener } = await shelf();
    const c = client(listener);
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 50);
    await expect(c.invoke(box("red"), "Sleep", say(""), { signal: abort.signal })).rejects.toMatchObject({
      code: "ABORTED",
    });
    expect((await c.identify()).productVendor).toBe("Shelf");
  });
});

describe("the connection and its security context", () => {
  it("refuses whom the broker refuses", async () => {
    const { listener, broker } = await shelf();
    const error = await failure(client(listener, { security: toySecurity("mallory") }).get(box("red")));
    expect(error.code).toBe("WSMAN_AUTHENTICATION_FAILED");
    expect(broker.closed).toHaveLength(1);
  });

  it("authenticates again when the connection was lost, and repeats only what is safe to repeat", async () => {
    const { listener, server, broker } = await shelf();
    const c = client(listener);
    await c.identify();
    const { port } = listener;
    await listener.close();
    const again = await listenHttp({ server, host: "127.0.0.1", port });
    open.push(again);
    expect(childText(await c.get(box("red")), shelfUri, "Weight")).toBe("1");
    await expect.poll(() => broker.closed.length).toBe(1);
  });

  it("says that an invoke may have happened when the answer never came", async () => {
    const { listener, provider } = await shelf();
    const c = client(listener);
    await c.identify();
    const pending = failure(c.invoke(box("red"), "Sleep", say("")));
    await expect.poll(() => provider.calls.length).toBe(1);
    await listener.close();
    expect((await pending).code).toBe("WSMAN_CONNECTION_LOST");
  });

  it("closes the context with the connection", async () => {
    const { listener, broker } = await shelf();
    const c = client(listener);
    await c.identify();
    c.close();
    await expect.poll(() => broker.contexts.size).toBe(0);
  });

  it("AllowUnencrypted=false refuses a body in clear from an authenticated caller", async () => {
    const { listener, provider } = await shelf();
    const error = await failure(client(listener, { allowUnencrypted: true }).get(box("red")));
    expect(error.httpStatus).toBe(403);
    expect(provider.calls).toEqual([]);
  });

  it("AllowUnencrypted=true accepts it", async () => {
    const { listener } = await shelf({ allowUnencrypted: true });
    const got = await client(listener, { allowUnencrypted: true }).get(box("red"));
    expect(childText(got, shelfUri, "Weight")).toBe("1");
  });

  it("answers Identify to anybody who asks for it anonymously, without versions", async () => {
    const { listener } = await shelf();
    const body =
      '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>' +
      '<i:Identify xmlns:i="http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"/></s:Body></s:Envelope>';
    const url = `http://127.0.0.1:${listener.port}/wsman`;
    const known = await fetch(url, {
      method: "POST",
      body,
      headers: { "content-type": "application/soap+xml", wsmanidentify: "unauthenticated" },
    });
    expect(known.status).toBe(200);
    const text = await known.text();
    expect(text).toContain("<wsmid:ProductVersion>OS: 0.0.0 SP: 0.0 Stack: 3.0</wsmid:ProductVersion>");
    const plain = await fetch(url, {
      method: "POST",
      body,
      headers: { "content-type": "application/soap+xml" },
    });
    expect(plain.status).toBe(401);
    expect(plain.headers.get("www-authenticate")).toBe("Negotiate, Kerberos");
  });

  it("throws away a connection whose message does not unseal", async () => {
    const { listener, broker } = await shelf();
    const c = new WsmanClient({
      host: "127.0.0.1",
      port: listener.port,
      timeout: 20_000,
      security: {
        scheme: "Negotiate",
        createContext: (signal) => {
          const context = toySecurity("alice").createContext(signal);
          if (context instanceof Promise) return context;
          return {
            ...context,
            wrapWithHeader: (plain) => {
              const sealed = context.wrapWithHeader(plain);
              sealed.payload[0] = (sealed.payload[0] ?? 0) ^ 1;
              return sealed;
            },
          };
        },
      },
    });
    expect((await failure(c.get(box("red")))).httpStatus).toBe(400);
    await expect.poll(() => broker.contexts.size).toBe(0);
  });

  it("a server that never answers ends in a deadline", async () => {
    const silent = net.createServer((socket) => socket.on("error", () => {}));
    await new Promise<void>((resolve) => {
      silent.listen(0, "127.0.0.1", resolve);
    });
    open.push({ close: () => silent.close() });
    const address = silent.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const c = new WsmanClient({ host: "127.0.0.1", port, security: toySecurity("alice"), timeout: 200 });
    open.push(c);
    await expect(c.identify()).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
  });

  it("nobody listening is a typed error with a remedy", async () => {
    const { listener } = await shelf();
    await listener.close();
    const error = await failure(client(listener).identify());
    expect(error.code).toBe("WSMAN_UNREACHABLE");
    expect(error.remedy).toContain("5985");
  });
});
