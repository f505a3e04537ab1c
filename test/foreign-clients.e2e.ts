// Programs that are not ours against a whole running host: pywinrm with message encryption, curl with SPNEGO.
import { randomInt } from "node:crypto";
import {
  ComputerSystem,
  resourceUriOf,
  VirtualSystemMigrationService,
  VirtualSystemMigrationSettingData,
  virtualizationNamespace,
} from "@waybill/hyperv";
import {
  Action,
  Dialect,
  type Envelope,
  element,
  Ns,
  writeEnumerate,
  writeEnvelope,
  writeXml,
} from "@waybill/wsman";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mustWork, Site, type SiteHost } from "./support/site.ts";

const subnet = `127.${randomInt(200, 250)}.${randomInt(1, 250)}`;
const pywinrmPeer = new URL("../packages/wsman/test/support/pywinrm-peer.py", import.meta.url).pathname;
let site: Site;
let machine: string;

beforeAll(async () => {
  site = await Site.up({
    addresses: { dc: `${subnet}.10`, kvm01: `${subnet}.11`, kvm02: `${subnet}.12` },
  });
  machine = await site.startGuest("web01", { heartbeat: "100000" });
  await site.guestSays("kvm01", /HEARTBEAT/);
});

afterAll(async () => {
  await site?.down();
});

const envelope = (parts: Envelope): string => writeXml(writeEnvelope({ messageId: "uuid:1", ...parts }));
const everyMachine = envelope({
  action: Action.enumerate,
  resourceUri: resourceUriOf(virtualizationNamespace, "*"),
  body: writeEnumerate({
    mode: "objects",
    optimized: 20,
    filter: { dialect: Dialect.wql, text: "select * from Msvm_ComputerSystem" },
  }),
});
const identify = writeXml(writeEnvelope({ body: element(Ns.identity, "Identify") }));

type Answer = { readonly answer?: string; readonly error?: string };

async function pywinrm(person: string, host: SiteHost, ...envelopes: string[]): Promise<Answer[]> {
  const endpoint = `http://${site.address(host)}:5985/wsman`;
  const command = [
    "/usr/bin/python3",
    pywinrmPeer,
    endpoint,
    "WSMAN",
    site.name(host),
    `${person}@SITE.TEST`,
    "always",
  ];
  const bare = ["env", `no_proxy=${site.address(host)}`, ...command];
  return JSON.parse(mustWork(await site.as(person, bare, JSON.stringify(envelopes))).stdout) as Answer[];
}

async function curl(person: string, body: string, ...options: string[]): Promise<string> {
  const host = site.name("kvm01");
  const resolve = ["--resolve", `${host}:5985:${site.address("kvm01")}`];
  const type = ["-H", "Content-Type: application/soap+xml;charset=UTF-8"];
  const command = [
    "curl",
    "-sS",
    "-i",
    "--noproxy",
    "*",
    ...resolve,
    ...type,
    "--data-binary",
    "@-",
    ...options,
  ];
  return mustWork(await site.as(person, [...command, `http://${host}:5985/wsman`], body)).stdout;
}

describe("pywinrm with message encryption, tickets from MIT's kinit", () => {
  test("alice sees the machine that runs here", async () => {
    const [answer] = await pywinrm("alice", "kvm01", everyMachine);
    expect(answer?.answer).toContain("<p:ElementName>web01</p:ElementName>");
    expect(answer?.answer).toContain("<p:EnabledState>2</p:EnabledState>");
  });

  test("a person without rights sees nothing, and can start nothing", async () => {
    const [seen, moved] = await pywinrm("mallory", "kvm01", everyMachine, migration("kvm02"));
    expect(`${seen?.answer}${seen?.error}`).not.toContain("web01");
    expect(moved?.answer ?? "").not.toContain("<p:ReturnValue>4096</p:ReturnValue>");
    expect(await site.states("kvm01")).toEqual(["running"]);
  });

  test("alice moves the machine with a migration of WMI v2 and her own ticket", async () => {
    const [started] = await pywinrm("alice", "kvm01", migration("kvm02"));
    expect(started?.answer).toContain("<p:ReturnValue>4096</p:ReturnValue>");
    await expect
      .poll(async () => [await site.states("kvm01"), await site.states("kvm02")], {
        timeout: 120_000,
        interval: 200,
      })
      .toEqual([[], ["running"]]);
    const [there] = await pywinrm("alice", "kvm02", everyMachine);
    expect(there?.answer).toContain("<p:ElementName>web01</p:ElementName>");
    const records = async (): Promise<{ person: string; outcome: string }[]> =>
      mustWork(await site.waybill("alice", "audit", "--host", "kvm01", "--json"))
        .stdout.trim()
        .split("\n")
        .map((line) => JSON.parse(line) as { person: string; outcome: string });
    await expect
      .poll(records, { timeout: 60_000, interval: 200 })
      .toContainEqual(expect.objectContaining({ person: "alice@SITE.TEST", outcome: "succeeded" }));
    const [gone] = await pywinrm("alice", "kvm01", everyMachine);
    expect(gone?.answer).toContain("EnumerateResponse");
    expect(gone?.answer).not.toContain("web01");
  });
});

describe("curl --negotiate", () => {
  const negotiate = ["--negotiate", "-u", ":"];

  test("with alice's ticket learns who the service is", async () => {
    const answer = await curl("alice", identify, ...negotiate);
    expect(answer).toMatch(/HTTP\/1\.1 200/);
    expect(answer).toContain("IdentifyResponse");
  });

  test("gets nothing else in clear", async () => {
    const answer = await curl("alice", everyMachine, ...negotiate);
    expect(answer).toMatch(/HTTP\/1\.1 403/);
    expect(answer).not.toContain("web01");
  });

  test("without a ticket gets 401 and the schemes", async () => {
    for (const options of [[], negotiate]) {
      const answer = await curl("nobody", everyMachine, ...options);
      expect(answer).toMatch(/HTTP\/1\.1 401/);
      expect(answer).toMatch(/WWW-Authenticate: Negotiate/i);
      expect(answer).not.toContain("web01");
    }
  });
});

function migration(destination: SiteHost): string {
  const { resourceUri: uri, methods } = VirtualSystemMigrationService;
  const reference = ComputerSystem.referenceBy({ CreationClassName: "Msvm_ComputerSystem", Name: machine });
  return envelope({
    action: `${uri}/MigrateVirtualSystemToHost`,
    resourceUri: uri,
    body: element(
      uri,
      "MigrateVirtualSystemToHost_INPUT",
      ...methods.MigrateVirtualSystemToHost.input.ComputerSystem.write(uri, "ComputerSystem", reference),
      element(uri, "DestinationHost", site.name(destination)),
      element(
        uri,
        "MigrationSettingData",
        VirtualSystemMigrationSettingData.writeEmbedded({ MigrationType: 32768 }),
      ),
    ),
  });
}
