import { execFileSync, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseKeytab } from "@waybill/kerberos";
import type { LoadTarget } from "./load.ts";

/** MIT's krb5kdc with its DB2 back end, without its audit writes: the fastest it can be. It has no S4U2Proxy. */
export async function startMitKdc(dir: string): Promise<LoadTarget & { stop(): Promise<void> }> {
  const host = "127.0.0.1";
  const port = randomInt(20_000, 60_000);
  writeFileSync(
    join(dir, "krb5.conf"),
    `[libdefaults]
  default_realm = LAB.TEST
  dns_lookup_kdc = false
[realms]
  LAB.TEST = {
    kdc = ${host}:${port}
  }
`,
  );
  writeFileSync(
    join(dir, "kdc.conf"),
    `[kdcdefaults]
  kdc_listen = ${host}:${port}
  kdc_tcp_listen = ${host}:${port}
[realms]
  LAB.TEST = {
    database_name = ${join(dir, "principal")}
    key_stash_file = ${join(dir, "stash")}
    supported_enctypes = aes256-cts:normal
    disable_last_success = true
    disable_lockout = true
  }
`,
  );
  const env = {
    ...process.env,
    KRB5_CONFIG: join(dir, "krb5.conf"),
    KRB5_KDC_PROFILE: join(dir, "kdc.conf"),
  };
  execFileSync("kdb5_util", ["create", "-s", "-r", "LAB.TEST", "-P", "bench-master"], {
    env,
    stdio: "ignore",
  });
  const users = Array.from({ length: 100 }, (_, index) => `user${index}`);
  const services = ["WEB$", "HTTP/web.lab.test", "cifs/file.lab.test"];
  const queries = [
    ...[...users, ...services].map(
      (name) => `addprinc -randkey +requires_preauth +ok_to_auth_as_delegate ${name}`,
    ),
    `ktadd -norandkey -k ${join(dir, "users.keytab")} ${users.join(" ")}`,
    `ktadd -norandkey -k ${join(dir, "services.keytab")} ${services.join(" ")}`,
  ];
  execFileSync("kadmin.local", [], {
    env,
    input: `${queries.join("\n")}\n`,
    stdio: ["pipe", "ignore", "ignore"],
  });
  const child = spawn("krb5kdc", ["-n", "-r", "LAB.TEST"], { env, stdio: "ignore" });
  await sleep(500);
  return {
    realm: "LAB.TEST",
    host,
    port,
    pid: child.pid ?? 0,
    users: parseKeytab(readFileSync(join(dir, "users.keytab"))),
    services: parseKeytab(readFileSync(join(dir, "services.keytab"))),
    middle: "WEB$",
    service: "HTTP/web.lab.test",
    proxyTarget: "cifs/file.lab.test",
    stop: async () => {
      child.kill("SIGTERM");
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
