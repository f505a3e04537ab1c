import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { MemoryReplayCache, readKeytab, type SecurityContext } from "@waybill/kerberos";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loopbackAddress } from "../../kerberos/test/support/processes.ts";
import type { SambaDomain } from "../../kerberos/test/support/samba-domain.ts";
import { acceptKerberos, type LdapBackend, LdapServer } from "../src/index.ts";
import { makeCertificate, type TestCertificate } from "./support/certificate.ts";
import { kinit, startDomain } from "./support/domain.ts";
import { base, MemoryBackend } from "./support/memory-backend.ts";
import { runProgram } from "./support/run-program.ts";

// Python's ldap3, and Impacket with Kerberos, against our server.

const script = fileURLToPath(new URL("support/python-clients.py", import.meta.url));
let domain: SambaDomain;
let certificate: TestCertificate;
let server: LdapServer<{ name: string }, SecurityContext>;
let env: Record<string, string>;
let address: string;
let passwordFile: string;
let ports: { plain: number; secure: number };

beforeAll(async () => {
  certificate = makeCertificate();
  passwordFile = join(certificate.directory, "password");
  writeFileSync(passwordFile, "Secret.1", { mode: 0o600 });
  domain = await startDomain();
  address = loopbackAddress();
  const servicePrincipalName = ["ldap/127.0.0.1", `ldap/${address}`];
  await domain.apply([{ op: "modify", name: "LDAP01$", attributes: { servicePrincipalName } }]);
  env = await kinit(domain, "alice", "Passw0rd.alice");
  const kvno = await runProgram("kvno", [`ldap/${address}`], { env });
  expect(kvno).toMatchObject({ status: 0 });
  const backend: MemoryBackend = new MemoryBackend();
  for (let i = 0; i < 100; i++)
    backend.put(`CN=u${i},CN=Users,${base}`, { cn: `u${i}`, objectClass: "user" });
  const typed: LdapBackend<{ name: string }, SecurityContext> = backend;
  const keytab = await readKeytab(await domain.exportKeytab("LDAP01$"));
  server = new LdapServer({
    backend: typed,
    tls: certificate,
    accept: acceptKerberos({ keytab, replayCache: new MemoryReplayCache() }),
  });
  await server.listen({ host: address, port: 389 });
  await server.listen({ host: address, port: 636, tls: true });
  ports = {
    plain: await server.listen({ host: "127.0.0.1", port: 0 }),
    secure: await server.listen({ host: "127.0.0.1", port: 0, tls: true }),
  };
});

afterAll(async () => {
  await server?.stop(100);
  certificate.remove();
  await domain?.stop();
});

async function python(name: string, host: string, port: number): Promise<string[]> {
  const args = [script, name, host, String(port), certificate.certFile, passwordFile];
  const { status, stdout, stderr } = await runProgram("/usr/bin/python3", args, { env });
  expect({ status, stderr: status === 0 ? "" : stderr }).toEqual({ status: 0, stderr: "" });
  return stdout.trim().split("\n");
}

test.each(["ldap3", "ldap3-starttls"])("%s", async (name) => {
  const port = name === "ldap3" ? ports.secure : ports.plain;
  expect(await python(name, "127.0.0.1", port)).toEqual([
    "whoami u:alice@lab.test",
    `contexts ${base}`,
    "entries 100",
    "compare True",
    "gone noSuchObject",
  ]);
});

test("Impacket is sent from 389 to 636, where it binds with GSS-SPNEGO", async () => {
  const [plain, entries] = await python("impacket", address, 0);
  expect(plain).toContain("strongerAuthRequired: 00002028");
  expect(entries).toBe("entries 100");
});
