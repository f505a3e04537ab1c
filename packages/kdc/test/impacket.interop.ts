import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createAcceptor,
  createInitiator,
  EncType,
  fromCachedCredential,
  MemoryReplayCache,
  parseCredentialCache,
  Ticket,
} from "@waybill/kerberos";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { loopbackAddress } from "../../kerberos/test/support/processes.ts";
import { createTestDomain, type TestDomain, testPassword } from "../src/testing/index.ts";

const examples = "/usr/share/doc/python3-impacket/examples";
const target = "cifs/kvm02.lab.test";

describe("Impacket as packaged", () => {
  const host = loopbackAddress();
  let domain: TestDomain;
  let dir: string;

  beforeAll(async () => {
    domain = await createTestDomain({
      sockets: { host, port: 88, kpasswdPort: 464 },
      users: ["alice", { name: "sens", sensitive: true }],
      computers: ["KVM01", "KVM02", "KVM03"],
      delegation: { KVM01: { to: [target], protocol: "kerberos" }, KVM03: { to: [target], protocol: "any" } },
    });
  });

  afterAll(async () => await domain?.close());

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "waybill-impacket-"));
    return () => rmSync(dir, { recursive: true, force: true });
  });

  async function run(script: string, args: readonly string[], cache?: string): Promise<string> {
    const env = {
      ...process.env,
      LC_ALL: "C",
      ...(cache === undefined ? {} : { KRB5CCNAME: join(dir, cache) }),
    };
    return await new Promise((resolve) => {
      execFile(
        "/usr/bin/python3",
        [join(examples, script), ...args, "-dc-ip", host],
        { env, cwd: dir, timeout: 60_000 },
        (_error, stdout, stderr) => resolve(stdout + stderr),
      );
    });
  }

  const aesKey = (account: string): string => {
    const key = domain.directory
      .byName(account)
      ?.keySets[0]?.keys.find(({ keytype }) => keytype === EncType.aes256CtsHmacSha1);
    return Buffer.from(key?.keyvalue ?? []).toString("hex");
  };

  const getSt = async (account: string, ...more: readonly string[]): Promise<string> =>
    await run("getST.py", ["-spn", target, "-aesKey", aesKey(account), ...more, `lab.test/${account}`]);

  it("getTGT writes a cache", async () => {
    const said = await run("getTGT.py", [`lab.test/alice:${testPassword}`]);
    expect(said).toContain("Saving ticket in alice.ccache");
    expect(readFileSync(join(dir, "alice.ccache")).length).toBeGreaterThan(500);
  });

  it("getST -impersonate: S4U2Self and S4U2Proxy with protocol transition", async () => {
    expect(await getSt("KVM03$", "-impersonate", "alice")).toContain("Saving ticket in alice.ccache");
    expect(domain.events.at(-1)).toMatchObject({ exchange: "s4u2proxy", outcome: "issued" });
  });

  it("getST -impersonate fails without protocol transition, and for the sensitive", async () => {
    expect(await getSt("KVM01$", "-impersonate", "alice")).toContain("KDC_ERR_BADOPTION");
    expect(domain.events.at(-1)?.reason).toBe("evidence-not-forwardable");
    expect(await getSt("KVM03$", "-impersonate", "sens")).toContain("KDC_ERR_BADOPTION");
  });

  it("getST -force-forwardable is found out by the ticket signature (CVE-2020-17049)", async () => {
    expect(await getSt("KVM01$", "-impersonate", "alice", "-force-forwardable")).toContain(
      "KRB_AP_ERR_MODIFIED",
    );
    expect(domain.events.at(-1)?.reason).toBe("evidence-forged");
  });

  // Debian's getST has no -altservice yet. All that it does is done here with the ticket that getST saved.
  it("getST's ticket under another name of the same account (-altservice) opens with that account's key", async () => {
    await getSt("KVM03$", "-impersonate", "alice");
    const [credential] = parseCredentialCache(readFileSync(join(dir, "alice.ccache"))).credentials;
    const ticket = Ticket.decode(credential!.ticket);
    const renamed = Ticket.encode({
      ...ticket,
      sname: { ...ticket.sname, nameString: ["http", "kvm02.lab.test"] },
    });
    const keytab = domain.keytab("KVM02$");
    const entries = keytab.entries.filter(({ principal }) => principal.components[0] === "HOST");
    const acceptor = createAcceptor({ keytab: { entries }, replayCache: new MemoryReplayCache() });
    const cached = { ...credential!, ticket: renamed, server: domain.principal("http/kvm02.lab.test") };
    const initiator = createInitiator({ credential: fromCachedCredential(cached) });
    const first = initiator.step();
    const answer = acceptor.step(first.token!);
    expect(answer.done).toBe(true);
    expect(domain.events.at(-1)).toMatchObject({ exchange: "s4u2proxy", outcome: "issued" });
  });

  it("getST -additional-ticket: the user's own ticket as evidence, Kerberos only", async () => {
    await run("getTGT.py", [`lab.test/alice:${testPassword}`]);
    const own = await run(
      "getST.py",
      ["-k", "-no-pass", "-spn", "host/kvm01.lab.test", "lab.test/alice"],
      "alice.ccache",
    );
    expect(own).toContain("Saving ticket in alice.ccache");
    const evidence = join(dir, "alice.ccache");
    const said = await getSt("KVM01$", "-impersonate", "alice", "-additional-ticket", evidence);
    expect(said).toContain("Saving ticket in");
    expect(domain.events.at(-1)).toMatchObject({ exchange: "s4u2proxy", outcome: "issued" });
  });
});
