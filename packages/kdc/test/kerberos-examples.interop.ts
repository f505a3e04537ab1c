import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { writeKeytab } from "@waybill/kerberos";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestDomain, type TestDomain, testPassword } from "../src/testing/index.ts";

const tsx = fileURLToPath(import.meta.resolve("tsx/cli"));
const target = "cifs/kvm02.lab.test@LAB.TEST";
let domain: TestDomain;
let directory: string;
const started: ChildProcess[] = [];

beforeAll(async () => {
  domain = await createTestDomain({
    sockets: true,
    groups: [{ name: "Operators" }],
    users: [{ name: "alice", upn: "alice@lab.test", groups: ["Operators"] }],
    computers: [{ name: "WWW", spns: ["HTTP/localhost"] }, "KVM01", "KVM02", "KVM03"],
    delegation: {
      KVM01: { to: ["cifs/kvm02.lab.test"], protocol: "any" },
      KVM03: { to: ["cifs/kvm02.lab.test"], protocol: "kerberos" },
    },
  });
  directory = await mkdtemp(join(tmpdir(), "waybill-examples-"));
  const kdc = `${domain.server?.host}:${domain.server?.port}`;
  await writeFile(
    join(directory, "krb5.conf"),
    `[libdefaults]\n  default_realm = ${domain.realm}\n[realms]\n  ${domain.realm} = {\n    kdc = ${kdc}\n  }\n`,
  );
});
afterAll(async () => {
  for (const child of started) child.kill();
  await domain?.close();
  await rm(directory, { recursive: true, force: true });
});

function start(name: string, args: readonly string[]): ChildProcess {
  const file = fileURLToPath(new URL(`../../kerberos/examples/${name}`, import.meta.url));
  const env = { ...process.env, KRB5_CONFIG: join(directory, "krb5.conf"), TMPDIR: directory };
  const child = spawn(process.execPath, [tsx, "--conditions=@waybill/source", file, ...args], { env });
  started.push(child);
  return child;
}

async function run(name: string, args: readonly string[], input = ""): Promise<string> {
  const child = start(name, args);
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
  child.stdin?.end(input);
  await new Promise((done) => child.on("close", done));
  return said;
}

async function keytabOf(account: string): Promise<string> {
  const file = join(directory, `${account}.keytab`);
  await writeKeytab(file, domain.keytab(account));
  return file;
}

describe("the examples of @waybill/kerberos", () => {
  it("call-http-service calls accept-negotiate, and each learns who the other is", async () => {
    const server = start("accept-negotiate.ts", [await keytabOf("WWW$"), "0"]);
    if (server.stdout === null) throw new Error("no output");
    const port = await new Promise<string>((resolve) => {
      createInterface({ input: server.stdout as NodeJS.ReadableStream }).on("line", (line) =>
        resolve(/\d+$/.exec(line)?.[0] ?? ""),
      );
    });
    const url = `http://localhost:${port}/`;
    const said = await run("call-http-service.ts", ["alice@LAB.TEST", url], `${testPassword}\n`);
    expect(said).toBe("200 proven service\nHello alice@LAB.TEST, member of 2 groups.\n\n");
    const stranger = await fetch(url);
    expect(stranger.status).toBe(401);
    expect(stranger.headers.get("www-authenticate")).toBe("Negotiate");
  });

  it("constrained-delegation gets the ticket, or says what to change in the directory", async () => {
    const granted = [await keytabOf("KVM01$"), "KVM01$@LAB.TEST", "alice@LAB.TEST", target];
    expect(await run("constrained-delegation.ts", granted)).toBe(
      `evidence: forwardable\nticket: alice@LAB.TEST to ${target}\n`,
    );
    const refused = [await keytabOf("KVM03$"), "KVM03$@LAB.TEST", "alice@LAB.TEST", target];
    const said = await run("constrained-delegation.ts", refused);
    expect(said).toContain("refused: KDC_ERR_BADOPTION");
    expect(said).toContain("TRUSTED_TO_AUTH_FOR_DELEGATION");
  });

  it("read-pac shows a person's account and groups", async () => {
    const said = await run("read-pac.ts", [await keytabOf("WWW$"), "WWW$@LAB.TEST", "alice@LAB.TEST"]);
    const domainSid = /account alice (S-1-5-21-\d+-\d+-\d+)-\d+/.exec(said)?.[1];
    expect(said).toContain(`${domainSid}-513`);
    expect(said).toContain("upn alice@lab.test");
    expect(said).toContain("asserted by this service");
  });

  it("keytab makes a computer's keys from its password and logs in with them", async () => {
    const kvno = String(domain.keytab("KVM02$").entries[0]?.kvno);
    const args = [join(directory, "new.keytab"), "KVM02$", "LAB.TEST", kvno];
    const said = await run("keytab.ts", args, `${testPassword}\n`);
    expect(said).toContain(`${kvno} host/kvm02.lab.test@LAB.TEST aes256-cts-hmac-sha1-96`);
    expect(said).toMatch(/logged in until \d{4}-/);
  });
});
