import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";
import { type Logger, silentLogger } from "@waybill/base";
import { resourceUriOf, virtualizationNamespace } from "@waybill/hyperv";
import { testPassword } from "@waybill/kdc/testing";
import {
  Action,
  Dialect,
  kerberosSecurity,
  WsmanClient,
  type WsmanClientOptions,
  writeEnumerate,
  writeEnvelope,
  writeXml,
} from "@waybill/wsman";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { run } from "../../kerberos/test/support/processes.ts";
import { pywinrm } from "../../wsman/test/support/pywinrm.ts";
import { type RunningListener, runListener } from "../src/index.ts";
import { TwoHosts } from "./support/two-hosts.ts";

const boundPeer = new URL("../../wsman/test/support/bound-peer.py", import.meta.url).pathname;

interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/** A host whose listener has a certificate. */
interface Served extends Certificate {
  readonly name: string;
  readonly listener: RunningListener;
  /** Why its listener refused whoever it refused. */
  readonly refusals: string[];
}

describe("HTTPS: a whole host, listener and service", () => {
  let world: TwoHosts;
  let folder: string;
  let env: Record<string, string>;
  /** One that takes clients bound to their TLS connection or not, and one that insists on it. */
  let lenient: Served;
  let strict: Served;
  const open: { close(): unknown }[] = [];

  function certify(name: string, ...addresses: readonly string[]): Certificate {
    const [certificate, key] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)];
    const names = [`DNS:${name}`, ...addresses.map((address) => `IP:${address}`)];
    const subject = ["-subj", `/CN=${name}`, "-addext", `subjectAltName=${names.join(",")}`];
    const kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    // Its own signature names the hash that it is known by.
    const hash = name.startsWith("kvm02") ? "-sha384" : "-sha256";
    execFileSync("openssl", ["req", ...kind, hash, ...subject, "-out", certificate, "-keyout", key], {
      stdio: "ignore",
    });
    return { certificate, key };
  }

  async function serve(name: string, files: Certificate): Promise<Served> {
    const refusals: string[] = [];
    const logger: Logger = {
      ...silentLogger,
      warn: (message, facts) => void refusals.push(`${message} ${String(facts?.why)}`),
    };
    const path = join(world.directory, name.split(".")[0] ?? "", "host.yaml");
    return { ...files, name, refusals, listener: await runListener(path, logger) };
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "waybill-https-"));
    const certificates = new Map<string, Certificate>();
    world = await TwoHosts.start({
      config: (host, address) => {
        const files = certify(`${host}.lab.test`, address);
        certificates.set(host, files);
        const bindings = host === "kvm02" ? { "channel-bindings": "required" } : {};
        return { listen: { address, port: 0, tls: { ...files, port: 0, ...bindings } } };
      },
    });
    const [first, second] = [certificates.get("kvm01"), certificates.get("kvm02")];
    if (first === undefined || second === undefined) throw new Error("no certificates");
    lenient = await serve("kvm01.lab.test", first);
    strict = await serve("kvm02.lab.test", second);
    env = {
      KRB5_CONFIG: join(world.directory, "krb5.conf"),
      KRB5CCNAME: `FILE:${join(world.directory, "cc")}`,
      no_proxy: "*",
      PATH: process.env.PATH ?? "",
    };
    await run("kinit", ["-f", "alice@LAB.TEST"], { env, input: `${testPassword}\n` });
  });
  afterEach(async () => {
    for (const thing of open.splice(0).reverse()) await thing.close();
    for (const { refusals } of [lenient, strict]) refusals.splice(0);
  });
  afterAll(async () => {
    await lenient?.listener.stop();
    await strict?.listener.stop();
    await world?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const everyMachine = writeXml(
    writeEnvelope({
      messageId: "uuid:1",
      action: Action.enumerate,
      resourceUri: resourceUriOf(virtualizationNamespace, "*"),
      body: writeEnumerate({
        mode: "objects",
        optimized: 20,
        filter: { dialect: Dialect.wql, text: "select * from Msvm_ComputerSystem" },
      }),
    }),
  );

  function client(host: Served, options: Partial<WsmanClientOptions> = {}): WsmanClient {
    const server = world.domain.principal(`WSMAN/${host.name}`);
    const made = new WsmanClient({
      host: host.listener.host,
      name: host.name,
      port: host.listener.tlsPort,
      tls: { ca: readFileSync(host.certificate), servername: host.name },
      security: kerberosSecurity({
        ticketSource: async () => await world.domain.newClient().getTicket({ tgt: world.alice, server }),
      }),
      timeout: 30_000,
      ...options,
    });
    open.push(made);
    return made;
  }

  /** Somebody in between with a certificate of their own that the client trusts: an inspecting proxy, or worse. */
  async function between(host: Served): Promise<{ port: number; ca: Buffer }> {
    const own = certify(`between-${host.name}`, "127.0.0.1");
    const pair = { cert: readFileSync(own.certificate), key: readFileSync(own.key) };
    const server = tls.createServer(pair, (socket) => {
      const onward = tls.connect({
        host: host.listener.host,
        port: host.listener.tlsPort ?? 0,
        rejectUnauthorized: false,
      });
      for (const end of [socket, onward]) end.on("error", () => {}).on("close", () => void socket.destroy());
      socket.on("close", () => void onward.destroy());
      socket.pipe(onward).pipe(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    open.push(server);
    return { port: (server.address() as AddressInfo).port, ca: pair.cert };
  }

  async function mit(
    host: Served,
    how: "right" | "wrong" | "none",
  ): Promise<{ status: number; body: string }> {
    const { listener, certificate, name } = host;
    const args = [listener.host, String(listener.tlsPort), certificate, `WSMAN/${name}@LAB.TEST`, how];
    // Debian's Python, which has the packages.
    const output = await run("/usr/bin/python3", [boundPeer, ...args], { env, input: everyMachine });
    return JSON.parse(output) as { status: number; body: string };
  }

  async function curl(host: Served, ...options: readonly string[]): Promise<string> {
    const at = `${host.name}:${host.listener.tlsPort}`;
    const trust = ["-s", "--cacert", host.certificate, "--resolve", `${at}:${host.listener.host}`];
    const type = ["-H", "Content-Type: application/soap+xml;charset=UTF-8"];
    const post = [...type, "-d", everyMachine, `https://${at}/wsman`];
    return await run("curl", [...trust, "-w", "\nHTTP %{http_code}", ...options, ...post], { env });
  }
  const negotiate = ["--negotiate", "-u", ":", "--service-name", "WSMAN"];

  const machines = async (of: WsmanClient): Promise<number> => {
    let count = 0;
    const filter = { dialect: Dialect.wql, text: "select * from Msvm_ComputerSystem where EnabledState = 2" };
    for await (const _ of of.enumerate(resourceUriOf(virtualizationNamespace, "*"), { filter })) count += 1;
    return count;
  };

  test("our client binds itself to the server's certificate, and is let in where that is required too", async () => {
    // The host's own system, and the machine at the first.
    expect(await machines(client(lenient))).toBe(2);
    expect(await machines(client(strict))).toBe(1);
    expect([...lenient.refusals, ...strict.refusals]).toEqual([]);
  });

  test.each(["lenient", "strict"] as const)(
    "our client through somebody who breaks TLS up is refused by a %s host",
    async (which) => {
      const host = which === "strict" ? strict : lenient;
      const { port, ca } = await between(host);
      const through = client(host, {
        host: "127.0.0.1",
        port,
        tls: { ca, servername: `between-${host.name}` },
      });
      await expect(through.identify()).rejects.toMatchObject({ code: "WSMAN_AUTHENTICATION_FAILED" });
      expect(host.refusals).toEqual(["wsman.authentication-refused GSS_BAD_BINDINGS"]);
    },
  );

  test("MIT's GSS-API: right bindings are taken, wrong ones refused, none only where they are not required", async () => {
    for (const host of [lenient, strict]) {
      expect(await mit(host, "right")).toMatchObject({
        status: 200,
        body: expect.stringContaining("Hosting Computer System"),
      });
      expect(host.refusals).toEqual([]);
      expect((await mit(host, "wrong")).status).toBe(401);
      expect(host.refusals.splice(0)).toEqual(["wsman.authentication-refused GSS_BAD_BINDINGS"]);
    }
    expect((await mit(lenient, "none")).status).toBe(200);
    expect((await mit(strict, "none")).status).toBe(401);
  });

  test("curl --negotiate, which binds itself to nothing, is answered without sealing; nobody else is", async () => {
    expect(await curl(lenient)).toMatch(/HTTP 401$/);
    const answer = await curl(lenient, ...negotiate);
    expect(answer).toMatch(/HTTP 200$/);
    expect(answer).toContain("<p:ElementName>web01</p:ElementName>");
    expect(await curl(strict, ...negotiate)).toMatch(/HTTP 401$/);
  });

  test("pywinrm, with the Kerberos of Debian that knows no bindings, is let in where they are not required", async () => {
    const over = async (host: Served, encryption: "always" | "auto") =>
      await pywinrm(
        {
          endpoint: `https://${host.listener.host}:${host.listener.tlsPort}/wsman`,
          host: host.name,
          principal: "alice@LAB.TEST",
          env: { ...env, REQUESTS_CA_BUNDLE: host.certificate },
          encryption,
        },
        everyMachine,
      );
    for (const encryption of ["auto", "always"] as const)
      expect((await over(lenient, encryption))[0]?.answer).toContain("<p:ElementName>web01</p:ElementName>");
    expect((await over(strict, "auto"))[0]?.error).toContain("credentials were rejected by the server");
  });

  test("on plain HTTP, where messages are sealed, no bindings are asked for", async () => {
    expect(await machines(client(strict, { port: strict.listener.port, tls: undefined }))).toBe(1);
  });
});
