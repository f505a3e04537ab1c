import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { administratorPassword, type TestController } from "./controller.ts";

export interface SambaTestResults {
  readonly passed: ReadonlySet<string>;
  readonly failed: ReadonlySet<string>;
  readonly output: string;
}

/** Runs modules or tests of Samba's published Kerberos tests against a controller. */
export async function runSambaTests(dc: TestController, names: readonly string[]): Promise<SambaTestResults> {
  const keys = createServer((request, response) => {
    const dn = new URL(request.url ?? "", "http://keys").searchParams.get("dn") ?? "";
    const account = dc.controller.directory.byDn(dn);
    const found = account?.keySets[0]?.keys.map(({ keytype, keyvalue }) => [
      keytype,
      Buffer.from(keyvalue).toString("hex"),
    ]);
    response.end(JSON.stringify(Object.fromEntries(found ?? [])));
  });
  await new Promise<void>((resolve) => keys.listen(0, "127.0.0.1", resolve));
  const { port } = keys.address() as AddressInfo;
  const home = join(dc.dir, "samba");
  mkdirSync(home, { recursive: true });
  const places = ["private dir", "lock directory", "state directory", "cache directory"];
  writeFileSync(
    join(home, "smb.conf"),
    [
      "[global]",
      "realm = LAB.TEST",
      "workgroup = LAB",
      "netbios name = testclient",
      ...places.map((place) => `${place} = ${home}`),
    ].join("\n"),
  );
  const administrator = { USERNAME: "Administrator", PASSWORD: administratorPassword };
  const env = {
    ...dc.env,
    ...administrator,
    DC_USERNAME: administrator.USERNAME,
    DC_PASSWORD: administrator.PASSWORD,
    ADMIN_USERNAME: administrator.USERNAME,
    ADMIN_PASSWORD: administrator.PASSWORD,
    ADMIN_KVNO: "1",
    SMB_CONF_PATH: join(home, "smb.conf"),
    SERVER: "dc1",
    DC_SERVER: "dc1",
    SERVICE_USERNAME: "dc1",
    FOR_USER: "Administrator",
    DOMAIN: "LAB",
    REALM: "LAB.TEST",
    STRICT_CHECKING: "0",
    FAST_SUPPORT: "1",
    CLAIMS_SUPPORT: "0",
    COMPOUND_ID_SUPPORT: "0",
    TKT_SIG_SUPPORT: "1",
    FULL_SIG_SUPPORT: "1",
    GNUTLS_PBKDF2_SUPPORT: "1",
    EXPECT_PAC: "1",
    EXPECT_EXTRA_PAC_BUFFERS: "1",
    CHECK_CNAME: "1",
    CHECK_PADATA: "1",
    KADMIN_IS_TGS: "0",
    DEFAULT_ETYPES: "24",
    PYTHONDONTWRITEBYTECODE: "1",
  };
  // Samba does not speak Kerberos to an address; the name holds in a mount namespace of its own.
  const hosts = join(home, "hosts");
  writeFileSync(hosts, `127.0.0.1 localhost\n${dc.host} dc1.lab.test dc1\n`);
  const inNamespace = 'mount --bind "$0" /etc/hosts && exec /usr/bin/python3 "$@"';
  const script = join(import.meta.dirname, "samba-krb5-tests.py");
  const modules = names.map((name) => `samba.tests.krb5.${name}`);
  try {
    const output = await new Promise<string>((resolve) => {
      execFile(
        "unshare",
        ["--mount", "sh", "-c", inNamespace, hosts, script, `http://127.0.0.1:${port}/`, ...modules],
        { env, timeout: 600_000, maxBuffer: 1 << 28 },
        (_error, stdout, stderr) => resolve(stdout + stderr),
      );
    });
    return { output, passed: named(output, "ok"), failed: named(output, "FAIL|ERROR") };
  } finally {
    keys.close();
  }
}

/** `test_x (samba.tests.krb5.s4u_tests.S4UKerberosTests) ... ok` */
function named(output: string, verdict: string): ReadonlySet<string> {
  const pattern = new RegExp(`^(test_\\w+) \\([^)]*\\)[^\\n]*\\.\\.\\. (?:${verdict})$`, "gm");
  return new Set([...output.matchAll(pattern)].map(([, name = ""]) => name));
}
