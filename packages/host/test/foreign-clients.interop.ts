import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@waybill/base";
import {
  ComputerSystem,
  resourceUriOf,
  VirtualSystemMigrationService,
  VirtualSystemMigrationSettingData,
  virtualizationNamespace,
} from "@waybill/hyperv";
import { testPassword } from "@waybill/kdc/testing";
import {
  Action,
  Dialect,
  type Envelope,
  element,
  writeEnumerate,
  writeEnvelope,
  writeXml,
} from "@waybill/wsman";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { run } from "../../kerberos/test/support/processes.ts";
import { type RunningListener, runListener } from "../src/index.ts";
import { TwoHosts } from "./support/two-hosts.ts";

const script = new URL("../../wsman/test/support/pywinrm-peer.py", import.meta.url).pathname;
const name = "kvm01.lab.test";

describe("clients that are not ours against a whole host: listener, service, QEMU", () => {
  let world: TwoHosts;
  let listener: RunningListener;
  let folder: string;
  let env: Record<string, string>;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "waybill-https-"));
    const certificate = { certificate: join(folder, "cert.pem"), key: join(folder, "key.pem") };
    await run("openssl", [
      "req",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-subj",
      `/CN=${name}`,
      "-addext",
      `subjectAltName=DNS:${name}`,
      "-out",
      certificate.certificate,
      "-keyout",
      certificate.key,
    ]);
    world = await TwoHosts.start({
      config: (host, address) =>
        host === "kvm01"
          ? { listen: { address, port: 0, tls: { ...certificate, port: 0 } } }
          : { listen: { address, port: 0 } },
    });
    listener = await runListener(join(world.directory, "kvm01", "host.yaml"), silentLogger);
    env = {
      KRB5_CONFIG: join(world.directory, "krb5.conf"),
      KRB5CCNAME: `FILE:${join(world.directory, "cc")}`,
      no_proxy: "*",
      PATH: process.env.PATH ?? "",
    };
    await run("kinit", ["-f", "alice@LAB.TEST"], { env, input: `${testPassword}\n` });
  });
  afterAll(async () => {
    await listener?.stop();
    await world?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function pywinrm(...envelopes: Envelope[]): Promise<{ answer?: string; error?: string }[]> {
    const input = JSON.stringify(
      envelopes.map((envelope, index) =>
        writeXml(writeEnvelope({ messageId: `uuid:${index}`, ...envelope })),
      ),
    );
    const endpoint = `http://${listener.host}:${listener.port}/wsman`;
    const output = await run("/usr/bin/python3", [script, endpoint, "WSMAN", name, "alice@LAB.TEST"], {
      env,
      input,
    });
    return JSON.parse(output) as { answer?: string; error?: string }[];
  }

  test("pywinrm, messages encrypted, finds the machine and moves it as alice", async () => {
    const uri = VirtualSystemMigrationService.resourceUri;
    const { input } = VirtualSystemMigrationService.methods.MigrateVirtualSystemToHost;
    const machine = { CreationClassName: "Msvm_ComputerSystem", Name: world.vm.toUpperCase() };
    const [query, migration] = await pywinrm(
      {
        action: Action.enumerate,
        resourceUri: resourceUriOf(virtualizationNamespace, "*"),
        body: writeEnumerate({
          mode: "objects",
          optimized: 20,
          filter: { dialect: Dialect.wql, text: "select * from Msvm_ComputerSystem where EnabledState = 2" },
        }),
      },
      {
        action: `${uri}/MigrateVirtualSystemToHost`,
        resourceUri: uri,
        body: element(
          uri,
          "MigrateVirtualSystemToHost_INPUT",
          ...input.ComputerSystem.write(uri, "ComputerSystem", ComputerSystem.referenceBy(machine)),
          element(uri, "DestinationHost", "kvm02.lab.test"),
          element(
            uri,
            "MigrationSettingData",
            VirtualSystemMigrationSettingData.writeEmbedded({ MigrationType: 32768 }),
          ),
        ),
      },
    );
    expect(query?.answer).toContain("<p:ElementName>web01</p:ElementName>");
    expect(migration?.answer).toContain("<p:ReturnValue>4096</p:ReturnValue>");
    await world.until(() => world.copies.running.includes(world.hosts[1]), "the machine arrives");
    expect(await world.settled()).toBe(world.hosts[1]);
  });

  test("curl --negotiate proves who it is, and what it sends in clear is not obeyed", async () => {
    const at = `${name}:${listener.port}`;
    const common = ["-s", "-o", "/dev/null", "-w", "%{http_code}", "--resolve", `${at}:${listener.host}`];
    const envelope = writeXml(
      writeEnvelope({
        messageId: "uuid:1",
        action: Action.enumerate,
        resourceUri: resourceUriOf(virtualizationNamespace, "*"),
      }),
    );
    const post = [
      "-H",
      "Content-Type: application/soap+xml;charset=UTF-8",
      "-d",
      envelope,
      `http://${at}/wsman`,
    ];
    const anonymous = await run("curl", [...common, ...post], { env });
    expect(anonymous.trim()).toBe("401");
    const negotiate = ["--negotiate", "-u", ":", "--service-name", "WSMAN"];
    const known = await run("curl", [...common, ...negotiate, ...post], { env });
    expect(["400", "401", "403", "415", "500"]).toContain(known.trim());
    expect(known.trim()).not.toBe("200");
  });

  test("over HTTPS, curl --negotiate is answered without sealing each message, and nobody else is", async () => {
    const at = `${name}:${listener.tlsPort}`;
    const trust = ["-s", "--cacert", join(folder, "cert.pem"), "--resolve", `${at}:${listener.host}`];
    const body = writeXml(
      writeEnvelope({
        messageId: "uuid:2",
        action: Action.enumerate,
        resourceUri: resourceUriOf(virtualizationNamespace, "*"),
        body: writeEnumerate({
          mode: "objects",
          optimized: 20,
          filter: { dialect: Dialect.wql, text: "select * from Msvm_ComputerSystem where EnabledState = 2" },
        }),
      }),
    );
    const post = [
      "-H",
      "Content-Type: application/soap+xml;charset=UTF-8",
      "-d",
      body,
      `https://${at}/wsman`,
    ];
    const stranger = await run("curl", [...trust, "-o", "/dev/null", "-w", "%{http_code}", ...post], { env });
    expect(stranger.trim()).toBe("401");
    const negotiate = ["--negotiate", "-u", ":", "--service-name", "WSMAN"];
    expect(await run("curl", [...trust, ...negotiate, ...post], { env })).toContain(
      "Hosting Computer System",
    );
  });
});
