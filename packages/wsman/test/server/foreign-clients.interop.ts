import { join } from "node:path";
import { configuredClient, loadKrb5Conf, parsePrincipal, readKeytab } from "@waybill/kerberos";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MitRealm } from "../../../kerberos/test/support/mit-realm.ts";
import { run } from "../../../kerberos/test/support/processes.ts";
import {
  Action,
  childText,
  element,
  type HttpListener,
  kerberosSecurity,
  listenHttp,
  Ns,
  WsmanClient,
  WsmanServer,
  writeEnumerate,
  writeEnvelope,
  writeXml,
} from "../../src/index.ts";
import { GssBroker } from "../support/gss-broker.ts";
import { pywinrm as overPywinrm, type PywinrmAnswer } from "../support/pywinrm.ts";
import { ShelfProvider, shelfUri } from "../support/shelf-provider.ts";

const host = "kvm01.mit.test";
let realm: MitRealm;
let broker: GssBroker;
let provider: ShelfProvider;
let sealed: HttpListener;
let open: HttpListener;
let env: Record<string, string>;

beforeAll(async () => {
  realm = await MitRealm.start({
    principals: [
      { name: "alice", password: "alice-pw" },
      { name: `HTTP/${host}` },
      { name: `WSMAN/${host}` },
      { name: `cifs/${host}` },
    ],
  });
  const keytab = await readKeytab(await realm.exportKeytab(`HTTP/${host}`, `WSMAN/${host}`));
  broker = new GssBroker(keytab);
  provider = new ShelfProvider();
  const common = { provider, broker, machine: host };
  sealed = await listenHttp({ server: new WsmanServer(common), host: "127.0.0.1", port: 0 });
  open = await listenHttp({
    server: new WsmanServer({ ...common, allowUnencrypted: true }),
    host: "127.0.0.1",
    port: 0,
  });
  env = { ...realm.env, KRB5CCNAME: join(realm.directory, "cc"), no_proxy: "127.0.0.1" };
  await run("kinit", ["-f", "alice"], { env, input: "alice-pw\n" });
});
afterAll(async () => {
  await sealed?.close();
  await open?.close();
  await realm?.stop();
});

const addressed = {
  to: "http://kvm01/wsman",
  replyTo: "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous",
};
const get = (name: string) =>
  writeXml(
    writeEnvelope({
      ...addressed,
      action: Action.get,
      messageId: "uuid:1",
      resourceUri: shelfUri,
      selectors: { Name: name },
      operationTimeout: 20_000,
      maxEnvelopeSize: 153_600,
    }),
  );
const echo = (text: string) =>
  writeXml(
    writeEnvelope({
      ...addressed,
      action: `${shelfUri}/Echo`,
      messageId: "uuid:2",
      resourceUri: shelfUri,
      body: element(shelfUri, "Echo_INPUT", element(shelfUri, "Text", text)),
    }),
  );
const enumerate = writeXml(
  writeEnvelope({
    ...addressed,
    action: Action.enumerate,
    messageId: "uuid:3",
    resourceUri: shelfUri,
    body: writeEnumerate({ mode: "objectsAndReferences", optimized: 10 }),
  }),
);

const pywinrm = async (service: string, ...envelopes: string[]): Promise<PywinrmAnswer[]> =>
  await overPywinrm(
    { endpoint: `http://127.0.0.1:${sealed.port}/wsman`, service, host, principal: "alice@MIT.TEST", env },
    ...envelopes,
  );

describe("pywinrm with Kerberos and message encryption (MS-WSMV 2.2.9.1)", () => {
  it.each(["HTTP", "WSMAN"])(
    "gets, invokes and enumerates as %s, all on one sealed connection",
    async (service) => {
      const signedIn = broker.peers.length;
      const big = "ü€\u{1f4e6}".repeat(5000);
      const [first, second, third] = await pywinrm(service, get("blue & <white>"), echo(big), enumerate);
      expect(first?.error).toBeUndefined();
      expect(first?.answer).toContain("<p:Weight>3</p:Weight>");
      expect(second?.answer).toContain(big);
      expect(third?.answer?.match(/<p:Shelf_Box>/g)).toHaveLength(3);
      expect(third?.answer).toContain("EndOfSequence");
      expect(broker.peers.slice(signedIn)).toEqual(["alice@MIT.TEST"]);
    },
  );

  it("understands our faults", async () => {
    const [answer] = await pywinrm("WSMAN", get("none"));
    expect(answer?.error).toContain("there is no such box");
    expect(answer?.error).toContain("2147749890");
    expect(answer?.error).toContain("a:DestinationUnreachable");
  });

  it("what is no SOAP gets a sealed fault", async () => {
    const [broken, after] = await pywinrm("WSMAN", "<not-soap", get("red"));
    expect(broken?.error).toContain("XML refused");
    expect(after?.answer).toContain("<p:Weight>1</p:Weight>");
  });
});

describe("curl --negotiate", () => {
  const curl = async (listener: HttpListener, body: string, ...args: string[]): Promise<string> =>
    await run(
      "curl",
      ["-sS", "--noproxy", "*", "--negotiate", "-u", ":", "--resolve", `${host}:${listener.port}:127.0.0.1`]
        .concat(["-H", "Content-Type: application/soap+xml;charset=UTF-8", "--data-binary", "@-"])
        .concat(["-w", "\n%{http_code}", ...args, `http://${host}:${listener.port}/wsman`]),
      { env, input: body },
    );

  it("gets an instance in clear only where the service allows it", async () => {
    expect(await curl(open, get("red"))).toMatch(/<p:Weight>1<\/p:Weight>.*\n200$/s);
    const refused = await curl(sealed, get("red"));
    expect(refused).toMatch(/AccessDenied.*\n403$/s);
    expect(refused).not.toContain("Weight");
  });

  it("identifies the service", async () => {
    const identify = writeXml(writeEnvelope({ body: element(Ns.identity, "Identify") }));
    const answer = await curl(sealed, identify);
    expect(answer).toContain("<wsmid:ProductVendor>Shelf</wsmid:ProductVendor>");
    expect(await curl(open, identify)).toContain("<wsmid:ProductVersion>9.9</wsmid:ProductVersion>");
  });

  it("without a ticket gets 401 and the two schemes", async () => {
    const answer = await run("curl", [
      "-sS",
      "--noproxy",
      "*",
      "-i",
      "--data-binary",
      get("red"),
      `http://127.0.0.1:${sealed.port}/wsman`,
    ]);
    expect(answer).toContain("HTTP/1.1 401");
    expect(answer).toMatch(/WWW-Authenticate: Negotiate\r\nWWW-Authenticate: Kerberos/i);
  });
});

describe("our client with tickets of MIT's KDC", () => {
  const client = async (service: string, scheme: "Negotiate" | "Kerberos"): Promise<WsmanClient> => {
    const kerberos = configuredClient(loadKrb5Conf(realm.env.KRB5_CONFIG ?? ""));
    const tgt = await kerberos.login({ principal: parsePrincipal("alice@MIT.TEST"), password: "alice-pw" });
    const server = parsePrincipal(`${service}/${host}@MIT.TEST`);
    const security = kerberosSecurity({
      scheme,
      ticketSource: async () => await kerberos.getTicket({ tgt, server }),
    });
    return new WsmanClient({ host: "127.0.0.1", port: sealed.port, security, timeout: 10_000 });
  };

  it.each(["Negotiate", "Kerberos"] as const)("seals under the scheme %s", async (scheme) => {
    const c = await client("WSMAN", scheme);
    expect(
      childText(await c.get({ resourceUri: shelfUri, selectors: { Name: "red" } }), shelfUri, "Weight"),
    ).toBe("1");
    const boxes: unknown[] = [];
    for await (const item of c.enumerate(shelfUri, { batch: 2 })) boxes.push(item.instance);
    expect(boxes).toHaveLength(3);
    c.close();
    await expect.poll(() => broker.size).toBe(0);
  });

  it("is told by the service why a ticket is refused", async () => {
    const c = await client("cifs", "Negotiate");
    await expect(c.identify()).rejects.toMatchObject({ code: "KRB_AP_ERR_MODIFIED" });
  });
});
