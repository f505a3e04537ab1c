import { MemoryReplayCache, readKeytab, type SecurityContext } from "@waybill/kerberos";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { SambaDomain } from "../../kerberos/test/support/samba-domain.ts";
import {
  acceptKerberos,
  type LdapBackend,
  LdapClient,
  LdapServer,
  type SaslMechanism,
} from "../src/index.ts";
import { makeCertificate, type TestCertificate } from "./support/certificate.ts";
import { kerberosLogin, kinit, startDomain } from "./support/domain.ts";
import { base, MemoryBackend } from "./support/memory-backend.ts";
import { type ProgramResult, runProgram } from "./support/run-program.ts";

// Our server, with a machine account of a Samba domain, against OpenLDAP's and MIT's clients and our own.

let domain: SambaDomain;
let certificate: TestCertificate;
let env: Record<string, string>;
let keytabFile: string;
let backend: MemoryBackend;
let server: LdapServer<{ name: string }, SecurityContext>;
let plainPort: number;
let tlsPort: number;

beforeAll(async () => {
  certificate = makeCertificate();
  domain = await startDomain();
  keytabFile = await domain.exportKeytab("LDAP01$");
  env = { ...(await kinit(domain, "alice", "Passw0rd.alice")), LDAPTLS_CACERT: certificate.certFile };
});

afterAll(async () => {
  certificate.remove();
  await domain?.stop();
});

beforeEach(async () => {
  await serve({});
});

afterEach(async () => {
  await server.stop(100);
});

async function serve(options: { requireChannelBindings?: boolean; requireSigning?: boolean }): Promise<void> {
  const { requireSigning = true, requireChannelBindings = false } = options;
  const keytab = await readKeytab(keytabFile);
  backend = new MemoryBackend();
  // Wrapped buffers larger than 64 KiB are cut up: an entry that needs it.
  backend.put(`CN=big,${base}`, { cn: "big", description: "x".repeat(300_000) });
  const typed: LdapBackend<{ name: string }, SecurityContext> = backend;
  server = new LdapServer({
    backend: typed,
    tls: certificate,
    requireSigning,
    accept: acceptKerberos({ keytab, replayCache: new MemoryReplayCache(), requireChannelBindings }),
  });
  plainPort = await server.listen({ host: "127.0.0.1", port: 0 });
  tlsPort = await server.listen({ host: "127.0.0.1", port: 0, tls: true });
}

async function ldapsearch(url: string, args: string[]): Promise<ProgramResult> {
  return await runProgram(
    "ldapsearch",
    ["-H", url, "-N", "-LLL", ...args, "-b", base, "(cn=big)", "description"],
    { env },
  );
}

describe.each(["GSSAPI", "GSS-SPNEGO"])("ldapsearch -Y %s", (mechanism) => {
  test.each([
    ["sealed", [], "confidential"],
    ["signed", ["-O", "minssf=1,maxssf=1"], "integrity"],
  ] as const)("%s on 389", async (_name, options, protection) => {
    const { status, stdout, stderr } = await ldapsearch(`ldap://127.0.0.1:${plainPort}`, [
      "-Y",
      mechanism,
      ...options,
    ]);
    expect({ status, stderr: status === 0 ? "" : stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout.replace(/\n /g, "")).toContain(`description: ${"x".repeat(300_000)}`);
    const who = await runProgram(
      "ldapwhoami",
      ["-H", `ldap://127.0.0.1:${plainPort}`, "-N", "-Q", "-Y", mechanism, ...options],
      { env },
    );
    expect(who.stdout).toBe("u:alice@LAB.TEST\n");
    expect(stderr).toContain("SASL data security layer installed.");
    // Cyrus SASL always seals with GSS-SPNEGO.
    const sealed = protection === "confidential" || mechanism === "GSS-SPNEGO";
    expect(stderr).toContain(sealed ? "SASL SSF: 256" : "SASL SSF: 1\n");
  });

  test("neither signed nor sealed on 389 is refused as AD does", async () => {
    const { status, stderr } = await ldapsearch(`ldap://127.0.0.1:${plainPort}`, [
      "-Y",
      mechanism,
      "-O",
      "maxssf=0",
    ]);
    // Cyrus SASL itself gives up when the server offers no layer it may use.
    expect(stderr).toMatch(/00002028|security flags do not match|mechanism too weak/i);
    expect(status).not.toBe(0);
  });

  test.each(["none", "tls-endpoint", "tls-unique"])("inside TLS with channel binding %s", async (binding) => {
    const args = ["-Y", mechanism, "-O", "maxssf=0", "-o", `SASL_CBINDING=${binding}`];
    const { status, stderr } = await ldapsearch(`ldaps://127.0.0.1:${tlsPort}`, args);
    expect({ status, stderr: status === 0 ? "" : stderr }).toEqual({ status: 0, stderr: "" });
  });

  test("inside TLS without channel binding where it is required", async () => {
    await server.stop(100);
    await serve({ requireChannelBindings: true });
    const args = ["-Y", mechanism, "-O", "maxssf=0"];
    const refused = await ldapsearch(`ldaps://127.0.0.1:${tlsPort}`, args);
    expect(refused.status).toBe(49);
    expect(refused.stderr).toContain("80090346");
    const bound = await ldapsearch(`ldaps://127.0.0.1:${tlsPort}`, [
      ...args,
      "-o",
      "SASL_CBINDING=tls-endpoint",
    ]);
    expect(bound.status).toBe(0);
  });
});

describe("our client", () => {
  test.each([
    ["GSS-SPNEGO", "confidential"],
    ["GSS-SPNEGO", "integrity"],
    ["GSSAPI", "confidential"],
    ["GSSAPI", "integrity"],
  ] as const)("%s with protection %s", async (mechanism, protection) => {
    const bind = (await kerberosLogin(domain, "alice", "Passw0rd.alice"))(mechanism);
    const client = await LdapClient.connect({ url: `ldap://127.0.0.1:${plainPort}` });
    await client.bindSasl({ ...bind, protection });
    expect(await client.whoAmI()).toBe("u:alice@LAB.TEST");
    expect(backend.binds.at(-1)?.protection).toBe("none");
    expect((await client.read(`CN=big,${base}`))?.text("description")).toHaveLength(300_000);
    await expect(client.bindSasl({ ...bind, protection: "none" })).rejects.toMatchObject({
      resultName: "unwillingToPerform",
    });
    client.close();
  });

  test.each(["GSS-SPNEGO", "GSSAPI"] as SaslMechanism[])(
    "%s inside TLS, bound to the channel",
    async (mechanism) => {
      await server.stop(100);
      await serve({ requireChannelBindings: true });
      const bind = (await kerberosLogin(domain, "alice", "Passw0rd.alice"))(mechanism);
      for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
        const client = await LdapClient.connect({
          url: `ldaps://127.0.0.1:${tlsPort}`,
          tls: { ca: certificate.cert, maxVersion },
        });
        await client.bindSasl(bind);
        expect(await client.whoAmI()).toBe("u:alice@LAB.TEST");
        client.close();
      }
    },
  );

  test("an account the backend refuses", async () => {
    const bind = (await kerberosLogin(domain, "mallory", "Passw0rd.mallory"))("GSS-SPNEGO");
    const client = await LdapClient.connect({ url: `ldap://127.0.0.1:${plainPort}` });
    await expect(client.bindSasl(bind)).rejects.toMatchObject({
      windows: { known: { name: "ERROR_ACCOUNT_DISABLED" } },
    });
    client.close();
  });

  test("a bind that neither signs nor seals, where it is allowed", async () => {
    await server.stop(100);
    await serve({ requireSigning: false });
    for (const mechanism of ["GSS-SPNEGO", "GSSAPI"] as const) {
      const bind = (await kerberosLogin(domain, "alice", "Passw0rd.alice"))(mechanism);
      const client = await LdapClient.connect({ url: `ldap://127.0.0.1:${plainPort}` });
      await client.bindSasl({ ...bind, protection: "none" });
      expect(await client.whoAmI()).toBe("u:alice@LAB.TEST");
      client.close();
    }
  });
});
