import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LdapServer } from "../src/index.ts";
import { makeCertificate, type TestCertificate } from "./support/certificate.ts";
import { base, MemoryBackend } from "./support/memory-backend.ts";
import { type ProgramResult, runProgram } from "./support/run-program.ts";

// OpenLDAP's ldapsearch, ldapmodify and friends against our server.

let certificate: TestCertificate;
let backend: MemoryBackend;
let server: LdapServer<{ name: string }>;
let plain: string;
let secure: string;
let local: string;
let passwordFile: string;

beforeAll(async () => {
  certificate = makeCertificate();
  passwordFile = join(certificate.directory, "password");
  writeFileSync(passwordFile, "Secret.1", { mode: 0o600 });
  backend = new MemoryBackend();
  for (let i = 0; i < 120; i++)
    backend.put(`CN=u${i},CN=Users,${base}`, { cn: `u${i}`, objectClass: "user" });
  server = new LdapServer({ backend, tls: certificate, limits: { maxEntries: 100 } });
  plain = `ldap://127.0.0.1:${await server.listen({ host: "127.0.0.1", port: 0 })}`;
  secure = `ldaps://127.0.0.1:${await server.listen({ host: "127.0.0.1", port: 0, tls: true })}`;
  const path = join(certificate.directory, "ldapi");
  await server.listen({ path });
  local = `ldapi://${encodeURIComponent(path)}`;
});

afterAll(async () => {
  await server.stop(100);
  certificate.remove();
});

async function tool(program: string, url: string, args: string[], input?: string): Promise<ProgramResult> {
  const env = { LDAPTLS_CACERT: certificate.certFile, LDAPCONF: "/dev/null" };
  return await runProgram(program, ["-H", url, ...args], input === undefined ? { env } : { env, input });
}

const asAlice = (): string[] => ["-x", "-D", "alice@lab.test", "-y", passwordFile];

describe("ldapsearch", () => {
  test("binds over ldaps, StartTLS and ldapi", async () => {
    for (const [url, extra] of [
      [secure, []],
      [plain, ["-ZZ"]],
      [local, []],
    ] as const) {
      const { status, stdout } = await tool("ldapsearch", url, [
        ...asAlice(),
        ...extra,
        "-LLL",
        "-b",
        base,
        "(cn=u7)",
        "cn",
      ]);
      expect({ status, stdout }).toEqual({ status: 0, stdout: `dn: CN=u7,CN=Users,${base}\ncn: u7\n\n` });
    }
  });

  test("is told that a password in the clear is not taken, and why one is wrong", async () => {
    const clear = await tool("ldapsearch", plain, [...asAlice(), "-b", base]);
    expect(clear.status).toBe(8);
    expect(clear.stderr).toContain("Strong(er) authentication required (8)");
    expect(clear.stderr).toContain("00002028: LdapErr");
    const disabled = await tool("ldapsearch", secure, [
      "-x",
      "-D",
      "disabled@lab.test",
      "-y",
      passwordFile,
      "-b",
      base,
    ]);
    expect(disabled.status).toBe(49);
    expect(disabled.stderr).toContain("data 533");
  });

  test("reads the root DSE anonymously and nothing below", async () => {
    const root = await tool("ldapsearch", plain, ["-x", "-LLL", "-s", "base", "-b", "", "+", "*"]);
    expect(root.stdout).toContain(`defaultNamingContext: ${base}`);
    const below = await tool("ldapsearch", plain, ["-x", "-LLL", "-b", base]);
    expect(below.status).toBe(1);
    expect(below.stderr).toContain("000004DC");
  });

  test("pages and sorts", async () => {
    const all = await tool("ldapsearch", secure, [
      ...asAlice(),
      "-LLL",
      "-E",
      "pr=33/noprompt",
      "-b",
      base,
      "(objectClass=user)",
      "dn",
    ]);
    expect(all.status).toBe(0);
    expect(all.stdout.match(/^dn: /gm)).toHaveLength(120);
    const cut = await tool("ldapsearch", secure, [
      ...asAlice(),
      "-LLL",
      "-b",
      base,
      "(objectClass=user)",
      "dn",
    ]);
    expect(cut.status).toBe(4);
    expect(cut.stdout.match(/^dn: /gm)).toHaveLength(100);
    const sorted = await tool("ldapsearch", secure, [
      ...asAlice(),
      "-LLL",
      "-E",
      "!sss=-cn",
      "-b",
      base,
      "(|(cn=u1)(cn=u2)(cn=u3))",
      "cn",
    ]);
    expect(sorted.stdout.match(/^cn: .*/gm)).toEqual(["cn: u3", "cn: u2", "cn: u1"]);
  });
});

describe("ldapmodify, ldapadd, ldapcompare, ldapmodrdn, ldapdelete, ldapwhoami", () => {
  test("change the directory", async () => {
    const dn = `CN=KVM01,${base}`;
    const added = await tool(
      "ldapadd",
      secure,
      asAlice(),
      `dn: ${dn}\nobjectClass: computer\ncn: KVM01\nuserAccountControl: 4096\n`,
    );
    expect(added).toMatchObject({ status: 0, stderr: "" });
    const change = `dn: ${dn}\nchangetype: modify\nadd: servicePrincipalName\nservicePrincipalName: HOST/kvm01\n-\nreplace: userAccountControl\nuserAccountControl: 16781312\n`;
    expect(await tool("ldapmodify", secure, asAlice(), change)).toMatchObject({ status: 0, stderr: "" });
    expect(backend.text(dn, "userAccountControl")).toEqual(["16781312"]);
    expect((await tool("ldapcompare", secure, [...asAlice(), dn, "cn:KVM01"])).status).toBe(6);
    expect(
      (await tool("ldapmodrdn", secure, [...asAlice(), "-r", "-s", `CN=Users,${base}`, dn, "CN=KVM02"]))
        .status,
    ).toBe(0);
    const renamed = `CN=KVM02,CN=Users,${base}`;
    expect(backend.text(renamed, "servicePrincipalName")).toEqual(["HOST/kvm01"]);
    const conflict = await tool("ldapadd", secure, asAlice(), `dn: ${renamed}\nobjectClass: computer\n`);
    expect(conflict.status).toBe(68);
    expect((await tool("ldapdelete", secure, [...asAlice(), renamed])).status).toBe(0);
    expect((await tool("ldapwhoami", secure, asAlice())).stdout).toBe("u:alice@lab.test\n");
  });

  test("the assertion control guards a change (RFC 4528)", async () => {
    backend.put(`CN=guarded,${base}`, { description: "old" });
    const change = `dn: CN=guarded,${base}\nchangetype: modify\nreplace: description\ndescription: new\n`;
    const refused = await tool(
      "ldapmodify",
      secure,
      [...asAlice(), "-e", "!assert=(description=else)"],
      change,
    );
    expect(refused.status).toBe(122);
    expect(
      await tool("ldapmodify", secure, [...asAlice(), "-e", "!assert=(description=old)"], change),
    ).toMatchObject({ status: 0 });
  });
});
