import { createSocket } from "node:dgram";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DirectoryLdapBackend, type LdapIdentity, loadFromLdap, MemoryDirectory } from "@waybill/directory";
import {
  type ControllerSurvey,
  compareControllers,
  controllerFindings,
  readKdcClock,
  readReplicationMetadata,
  surveyControllers,
} from "@waybill/doctor";
import { createTestDomain } from "@waybill/kdc/testing";
import { NetworkTransport, parsePrincipal, staticLocator } from "@waybill/kerberos";
import { LdapClient, LdapServer } from "@waybill/ldap";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { seedDomain, seedNames } from "../support/domain.ts";

// Two controllers of one domain, whose states went apart.

interface Controller {
  readonly name: string;
  readonly directory: MemoryDirectory;
  readonly server: LdapServer<LdapIdentity>;
  ahead: number;
  connect(signal?: AbortSignal): Promise<LdapClient>;
}

const password = "Passw0rd!";
let folder: string;
let dc1: Controller;
let dc2: Controller;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "waybill-replication-"));
  dc1 = await serve("dc1", seedDomain());
  const client = await dc1.connect();
  dc2 = await serve("dc2", (await loadFromLdap(client)).directory);
  client.close();
});

afterEach(async () => {
  await Promise.all([dc1.server.stop(100), dc2.server.stop(100)]);
  rmSync(folder, { recursive: true });
});

async function serve(name: string, directory: MemoryDirectory): Promise<Controller> {
  directory.setFlags("Administrator", { accountDisable: false });
  directory.setPassword("Administrator", password);
  const path = join(folder, name);
  const controller = { ahead: 0 };
  const clock = { now: () => Date.now() + controller.ahead };
  const backend = new DirectoryLdapBackend({ directory, dnsHostName: `${name}.lab.test`, clock });
  const server = new LdapServer({ backend });
  await server.listen({ path });
  return Object.assign(controller, {
    name: `${name}.lab.test`,
    directory,
    server,
    connect: async (signal?: AbortSignal) => {
      const url = `ldapi://${encodeURIComponent(path)}`;
      const client = await LdapClient.connect({ url, timeout: 20_000, ...(signal && { signal }) });
      await client.bindSimple("LAB\\Administrator", password);
      return client;
    },
  });
}

const survey = async (timeout = 20_000): Promise<ControllerSurvey> => {
  const { directory } = dc1;
  const accounts = ["KVM01$", "KVM02$", "alice", "krbtgt"].flatMap((name) => directory.bySam(name) ?? []);
  return await surveyControllers({ accounts, controllers: [dc1, dc2], timeout });
};
const findings = async () => controllerFindings(dc1.directory, await survey());

describe("controllers of one domain", () => {
  it("that agree give no finding", async () => {
    const { controllers } = await survey();
    expect(controllers.map(({ name, accounts, failure }) => [name, accounts.size, failure])).toEqual([
      ["dc1.lab.test", 4, undefined],
      ["dc2.lab.test", 4, undefined],
    ]);
    expect(await findings()).toEqual([]);
  });

  it("that differ are named, with object, attribute and both values, and what to do", async () => {
    dc2.directory.setDelegation("KVM01", { to: [], protocol: "any" });
    const found = await findings();
    expect(found.map(({ id, severity }) => [id, severity])).toEqual([
      ["controllers-differ", "error"],
      ["controllers-differ", "error"],
    ]);
    const [flags, list] = found;
    expect(flags?.cause).toContain(
      "userAccountControl of KVM01$ differs: 4096 (WORKSTATION_TRUST_ACCOUNT) on dc1.lab.test;",
    );
    expect(flags?.cause).toContain("TRUSTED_TO_AUTH_FOR_DELEGATION) on dc2.lab.test");
    expect(list?.cause).toContain(`"${seedNames("kvm02")[0]}"`);
    expect(list?.cause).toContain("absent on dc2.lab.test");
    expect(list?.evidence.map(({ attribute, readFrom }) => [attribute, readFrom])).toEqual([
      ["msDS-AllowedToDelegateTo", "dc1.lab.test"],
      ["msDS-AllowedToDelegateTo", "dc2.lab.test"],
    ]);
    expect(list?.evidence[0]?.value).toContain("uSNChanged ");
    expect(list?.remedies[0]?.powershell).toContain(
      "repadmin /replsingleobj 'dc2.lab.test' 'dc1.lab.test' 'CN=KVM01,CN=Computers,DC=lab,DC=test'",
    );
    expect(list?.remedies[0]?.sambaTool).toEqual([
      "samba-tool drs replicate dc2.lab.test dc1.lab.test DC=lab,DC=test",
    ]);
  });

  it("do not differ by the order or case of values", async () => {
    const to = seedNames("kvm02")
      .map((name) => name.toUpperCase())
      .reverse();
    dc2.directory.setDelegation("KVM01", { to, protocol: "kerberos" });
    expect(await findings()).toEqual([]);
  });

  it("tell resource-based delegation by who is let in, service names, groups, and accounts that are missing", async () => {
    dc2.directory.setDelegation("KVM02", { from: ["KVM01"] });
    dc2.directory.addSpn("KVM02", "cifs/other");
    dc2.directory.addMember("Protected Users", "alice");
    dc1.directory.createComputer({ name: "KVM09" });
    const accounts = ["KVM02$", "alice", "KVM09$"].flatMap((name) => dc1.directory.bySam(name) ?? []);
    const { controllers } = await surveyControllers({ accounts, controllers: [dc1, dc2] });
    const found = controllerFindings(dc1.directory, { controllers, kdcs: [] });
    const causes = found.map(({ cause }) => cause).join("\n");
    expect(causes).toContain(
      "msDS-AllowedToActOnBehalfOfOtherIdentity of KVM02$ differs: absent on dc1.lab.test; KVM01$ on dc2.lab.test",
    );
    expect(causes).toContain(
      'servicePrincipalName of KVM02$ differs: nothing besides the 8 in common on dc1.lab.test; "cifs/other" besides the 8 in common on dc2.lab.test',
    );
    expect(causes).toContain("memberOf of alice differs");
    expect(causes).toContain(
      "KVM09$ is not on every domain controller: there on dc1.lab.test; no such account on dc2.lab.test",
    );
    expect(found).toHaveLength(4);
  });

  it("that disagree about everything do not make a finding for every object", async () => {
    for (let number = 0; number < 40; number++) dc1.directory.createComputer({ name: `HV${number}` });
    const accounts = [...dc1.directory.accounts()];
    const { controllers } = await surveyControllers({ accounts, controllers: [dc1, dc2] });
    const found = controllerFindings(dc1.directory, { controllers, kdcs: [] });
    expect(found).toHaveLength(26);
    expect(found.at(-1)?.cause).toContain("16 more attributes differ");
  });
});

describe("clocks", () => {
  it.each([
    [30_000, undefined, ""],
    [90_000, "warning", "dc2.lab.test is 90 seconds ahead of this machine's"],
    [-400_000, "error", "dc2.lab.test is 7 minutes behind this machine's"],
  ])("%d ms off", async (ahead, severity, words) => {
    dc2.ahead = ahead;
    const found = await findings();
    expect(found.map((finding) => [finding.id, finding.severity])).toEqual(
      severity === undefined ? [] : [["controller-clock", severity]],
    );
    expect(found[0]?.cause ?? "").toContain(words);
  });

  it("that are all off the same way may mean that ours is", async () => {
    dc1.ahead = dc2.ahead = 3_600_000 * 3;
    const found = await findings();
    expect(found).toHaveLength(2);
    expect(found[0]?.cause).toContain(
      "3.0 hours ahead of this machine's, as are all others: it may be this machine's that is wrong",
    );
  });

  it("of a KDC are read from the error it answers with, and nothing counts as a failed sign-in", async () => {
    const ahead = 7 * 60_000;
    const domain = await createTestDomain({
      users: ["alice"],
      clock: { now: () => Date.now() + ahead },
      sockets: true,
    });
    try {
      const locator = staticLocator({
        "LAB.TEST": { kdc: [`${domain.server?.host}:${domain.server?.port}`] },
      });
      const clock = await readKdcClock(new NetworkTransport({ locator }), parsePrincipal("alice@LAB.TEST"), {
        timeout: 20_000,
      });
      expect(Math.abs((clock?.ahead ?? 0) - ahead)).toBeLessThan(10_000);
      expect(domain.directory.bySam("alice")?.badPasswordCount).toBe(0);
      const [finding] = controllerFindings(domain.directory, {
        controllers: [],
        kdcs: [{ name: "kdc1", clock }],
      });
      expect(finding).toMatchObject({ id: "controller-clock", severity: "error" });
      expect(finding?.cause).toContain("kdc1 is 7 minutes ahead");
    } finally {
      await domain.close();
    }
  });
});

describe("a controller that does not answer", () => {
  it("is said, and the others are compared", async () => {
    const deaf = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => deaf.once("listening", resolve));
    const address = deaf.address();
    const port = typeof address === "object" ? address?.port : 0;
    const silent = createSocket("udp4");
    await new Promise<void>((resolve) => silent.bind(0, "127.0.0.1", resolve));
    const locator = staticLocator({ "LAB.TEST": { kdc: [`udp/127.0.0.1:${silent.address().port}`] } });
    const transport = new NetworkTransport({ locator });
    const started = Date.now();
    const { controllers, kdcs } = await surveyControllers({
      accounts: [],
      timeout: 2000,
      controllers: [
        dc1,
        { name: "deaf.lab.test", connect: (signal) => connectAndRead(`ldap://127.0.0.1:${port}`, signal) },
        { name: "gone.lab.test", connect: (signal) => connectAndRead("ldap://127.0.0.1:1", signal) },
      ],
      kdcs: [
        {
          name: "kdc9",
          read: (signal) =>
            readKdcClock(transport, parsePrincipal("alice@LAB.TEST"), { timeout: 60_000, signal }),
        },
      ],
    });
    expect(Date.now() - started).toBeLessThan(30_000);
    deaf.close();
    silent.close();
    expect(controllers.map(({ name, failure }) => [name, failure === undefined])).toEqual([
      ["dc1.lab.test", true],
      ["deaf.lab.test", false],
      ["gone.lab.test", false],
    ]);
    const found = controllerFindings(dc1.directory, { controllers, kdcs });
    expect(found.map(({ id }) => id)).toEqual([
      "controller-unreachable",
      "controller-unreachable",
      "controller-unreachable",
    ]);
    expect(found[0]?.cause).toContain(
      "deaf.lab.test could not be asked: asking deaf.lab.test did not finish within 2000 ms.",
    );
  });
});

async function connectAndRead(url: string, signal: AbortSignal): Promise<LdapClient> {
  const client = await LdapClient.connect({ url, signal });
  await client.rootDse(["currentTime"], { signal });
  return client;
}

describe("what controllers note about changes (replPropertyMetaData)", () => {
  /** MS-DRSR 4.1.10.2.22: version 1, then 48 octets for each attribute. */
  const blob = (...entries: readonly [attribute: number, version: number, seconds: bigint][]): Uint8Array => {
    const bytes = new Uint8Array(16 + entries.length * 48);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, 1, true);
    view.setUint32(8, entries.length, true);
    for (const [index, [attribute, version, seconds]] of entries.entries()) {
      view.setUint32(16 + index * 48, attribute, true);
      view.setUint32(20 + index * 48, version, true);
      view.setBigUint64(24 + index * 48, seconds, true);
    }
    return bytes;
  };
  const at = BigInt(Date.UTC(2026, 10, 22) / 1000) + 11_644_473_600n;

  it("says version, time and origin of a value", () => {
    const read = readReplicationMetadata(blob([0x90303, 4, at], [3, 1, at]));
    expect([...read]).toEqual([
      [
        "serviceprincipalname",
        { version: 4, changed: Date.UTC(2026, 10, 22), origin: "00000000-0000-0000-0000-000000000000" },
      ],
    ]);
  });

  it("is empty for anything else, and for what is cut short", () => {
    const good = blob([0x90303, 4, at], [0x90008, 4, at]);
    for (let length = 0; length < good.length; length++)
      expect(readReplicationMetadata(good.subarray(0, length)).size).toBeLessThan(2);
    expect(readReplicationMetadata(undefined).size).toBe(0);
    expect(readReplicationMetadata(new Uint8Array(100).fill(255)).size).toBe(0);
  });

  it("tells which of two controllers has the latest value", () => {
    const account = new MemoryDirectory({ realm: "LAB.TEST" }).createComputer({ name: "KVM01" });
    const reading = (name: string, value: string, version: number) => ({
      name,
      server: name,
      accounts: new Map([
        [
          account.sid,
          {
            dn: account.dn,
            values: new Map([["useraccountcontrol", [new TextEncoder().encode(value)]]]),
            stamps: readReplicationMetadata(blob([0x90008, version, at])),
            whenChanged: undefined,
            usnChanged: undefined,
          },
        ],
      ]),
    });
    const [difference] = compareControllers(
      [reading("dc1", "4096", 3), reading("dc2", "16781312", 5)],
      [account],
    );
    expect(difference?.latest?.name).toBe("dc2");
    expect(compareControllers([reading("dc1", "4096", 3), reading("dc2", "4096", 5)], [account])).toEqual([]);
  });
});
