import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeServerCertificate } from "../src/index.ts";
import { createTestDomain, type TestDomain, testPassword } from "../src/testing/index.ts";
import { MitTools } from "./support/mit-tools.ts";

const migration = "Microsoft Virtual System Migration Service/kvm02.lab.test";

describe("MIT's tools against the KDC on UDP and TCP", () => {
  let domain: TestDomain;
  let mit: MitTools;

  beforeAll(async () => {
    domain = await createTestDomain({
      sockets: true,
      passwords: { minAge: 0 },
      users: ["alice", { name: "sens", sensitive: true }, { name: "gone", disabled: true }],
      computers: ["KVM01", "KVM02", "KVM03"],
      delegation: {
        KVM01: { to: [migration], protocol: "kerberos" },
        KVM03: { to: [migration], protocol: "any" },
      },
    });
    mit = new MitTools(domain);
  });

  afterAll(async () => {
    await domain?.close();
    mit?.remove();
  });

  const flagsOf = (listing: string, server: string): string | undefined =>
    listing
      .split(/\n(?=\d\d\/)/)
      .find((entry) => /^\d\d\//.test(entry) && entry.includes(server))
      ?.match(/Flags: (\w+)/)?.[1];

  it("kinit with a password, klist -f", async () => {
    await mit.ok("kinit", ["alice"], { input: `${testPassword}\n` });
    const listing = await mit.ok("klist", ["-fe"]);
    expect(listing).toContain("Default principal: alice@LAB.TEST");
    expect(flagsOf(listing, "krbtgt/")).toMatch(/^F(?=.*I)(?=.*A)/);
    expect(listing).toContain("aes256-cts-hmac-sha1-96, aes256-cts-hmac-sha1-96");
  });

  it("kinit -E with a UPN, kinit -C", async () => {
    await mit.ok("kinit", ["-E", "Alice@lab.test"], { input: `${testPassword}\n`, cache: "upn" });
    expect(await mit.ok("klist", [], { cache: "upn" })).toContain("alice@LAB.TEST");
  });

  it("says what is wrong", async () => {
    const wrong = await mit.run("kinit", ["alice"], { input: "wrong\n", cache: "x" });
    expect(wrong.stderr).toContain("Password incorrect");
    const unknown = await mit.run("kinit", ["nobody"], { input: "x\n", cache: "x" });
    expect(unknown.stderr).toContain("not found in Kerberos database");
    const disabled = await mit.run("kinit", ["gone"], { input: "x\n", cache: "x" });
    expect(disabled.stderr).toContain("revoked");
  });

  it("kinit with a keytab, and with its cache as FAST armor for another (-T)", async () => {
    const keytab = mit.writeKeytab("KVM01$");
    await mit.ok("kinit", ["-k", "-t", keytab, "KVM01$"], { cache: "kvm01" });
    await mit.ok("kinit", ["-A", "-T", mit.path("kvm01"), "alice"], {
      input: `${testPassword}\n`,
      cache: "fast",
    });
    expect(domain.events.at(-1)).toMatchObject({ exchange: "as", outcome: "issued" });
    await mit.ok("kvno", [migration], { cache: "fast" });
    const wrong = await mit.run("kinit", ["-T", mit.path("kvm01"), "alice"], {
      input: "wrong\n",
      cache: "fast2",
    });
    expect(wrong.stderr).toContain("Password incorrect");
  });

  it("renews", async () => {
    await mit.ok("kinit", ["-r", "1d", "-l", "1h", "alice"], { input: `${testPassword}\n`, cache: "renew" });
    await mit.ok("kinit", ["-R"], { cache: "renew" });
  });

  it("renews a service ticket", async () => {
    const service = ["-S", "host/kvm01.lab.test"];
    const login = ["-r", "1d", "-l", "1h", ...service, "alice"];
    await mit.ok("kinit", login, { input: `${testPassword}\n`, cache: "service" });
    await mit.ok("kinit", ["-R", ...service], { cache: "service" });
    expect(domain.events.at(-1)).toMatchObject({ exchange: "tgs", outcome: "issued" });
    expect(await mit.ok("klist", ["-f"], { cache: "service" })).toMatch(/host\/kvm01.*\n.*Flags: \w*R/);
  });

  it("kvno gets service tickets by SPN, HOST alias and in spite of spaces", async () => {
    await mit.ok("kvno", ["host/kvm01.lab.test", "cifs/KVM01", migration]);
    expect((await mit.run("kvno", ["cifs/nosuch"])).stderr).toContain("not found in Kerberos database");
  });

  it("kvno -U: S4U2Self, forwardable only with protocol transition", async () => {
    for (const [host, forwardable] of [
      ["KVM01$", false],
      ["KVM03$", true],
    ] as const) {
      const keytab = mit.writeKeytab(host);
      await mit.ok("kinit", ["-k", "-t", keytab, host], { cache: host });
      await mit.ok("kvno", ["-U", "alice", host, "--out-cache", mit.path(`self-${host}`)], { cache: host });
      const flags = flagsOf(await mit.ok("klist", ["-f"], { cache: `self-${host}` }), host);
      expect(flags?.startsWith("F")).toBe(forwardable);
    }
  });

  it("kvno -U -P: S4U2Proxy by table B", async () => {
    const run = async (host: string, user: string): Promise<string> => {
      const keytab = mit.writeKeytab(host);
      await mit.ok("kinit", ["-k", "-t", keytab, host], { cache: host });
      const result = await mit.run("kvno", ["-k", keytab, "-U", user, "-P", migration], { cache: host });
      return result.code === 0 ? "ticket" : (domain.events.at(-1)?.reason ?? "");
    };
    expect(await run("KVM03$", "alice")).toBe("ticket");
    expect(await run("KVM01$", "alice")).toBe("evidence-not-forwardable");
    expect(await run("KVM03$", "sens")).toBe("evidence-not-forwardable");
    expect(await run("KVM03$", "gone")).toBe("client-disabled");
    expect(await run("KVM03$", "nobody")).toBe("client-unknown");
  });

  it("kvno --u2u", async () => {
    const keytab = mit.writeKeytab("KVM01$");
    await mit.ok("kinit", ["-k", "-t", keytab, "KVM01$"], { cache: "kvm01" });
    await mit.ok("kvno", ["--u2u", mit.path("kvm01"), "KVM01$"]);
  });

  it("kpasswd changes a password, and tells the policy", async () => {
    const weak = await mit.run("kpasswd", ["alice"], { input: `${testPassword}\nshort\nshort\n` });
    expect(weak.stdout + weak.stderr).toMatch(/Password change rejected/);
    await mit.ok("kpasswd", ["alice"], { input: `${testPassword}\nN3w-secret!\nN3w-secret!\n` });
    expect((await mit.run("kinit", ["alice"], { input: `${testPassword}\n`, cache: "x" })).code).not.toBe(0);
    await mit.ok("kinit", ["alice"], { input: "N3w-secret!\n" });
  });
});

describe("replies that do not fit into a datagram", () => {
  it("make the client come back over TCP", async () => {
    const domain = await createTestDomain({ sockets: { maxDatagram: 700 }, users: ["alice"] });
    const mit = new MitTools(domain);
    try {
      await mit.ok("kinit", ["alice"], { input: `${testPassword}\n` });
      const issued = domain.events.filter((event) => event.outcome !== "refused");
      const ways = issued.map((event) => event.facts.transport);
      expect([ways[0], ways.at(-1)]).toEqual(["udp", "tcp"]);
    } finally {
      await domain.close();
      mit.remove();
    }
  });
});

describe("the KDC proxy over HTTPS", () => {
  it("serves MIT's kinit and kpasswd", async () => {
    const tls = makeServerCertificate({ names: ["localhost", "127.0.0.1"], now: Date.now() });
    const domain = await createTestDomain({
      sockets: { kkdcp: { port: 0, tls } },
      users: ["alice"],
      passwords: { minAge: 0 },
    });
    const mit = new MitTools(domain);
    try {
      const proxy = `https://127.0.0.1:${domain.server?.kkdcpPort}/KdcProxy`;
      writeFileSync(mit.path("ca.pem"), tls.ca);
      writeFileSync(
        mit.path("krb5.conf"),
        `[libdefaults]
  default_realm = LAB.TEST
  dns_lookup_kdc = false
[realms]
  LAB.TEST = {
    kdc = ${proxy}
    kpasswd_server = ${proxy}
    http_anchors = FILE:${mit.path("ca.pem")}
  }
`,
      );
      await mit.ok("kinit", ["alice"], { input: `${testPassword}\n` });
      await mit.ok("kpasswd", ["alice"], { input: `${testPassword}\nN3w-secret!\nN3w-secret!\n` });
      expect(new Set(domain.events.map((event) => event.facts.transport))).toEqual(new Set(["https"]));
    } finally {
      await domain.close();
      mit.remove();
    }
  });
});
