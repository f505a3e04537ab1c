import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { loopbackAddress } from "./loopback.ts";

/** A realm of MIT's krb5kdc, as the other side of a trust. */
export interface MitRealm {
  readonly realm: string;
  readonly host: string;
  readonly port: number;
  stop(): Promise<void>;
}

/** @param queries for kadmin.local, such as `addprinc -pw secret bob` */
export async function startMitRealm(realm: string, queries: readonly string[]): Promise<MitRealm> {
  const dir = mkdtempSync(join(tmpdir(), "waybill-mit-"));
  const host = loopbackAddress();
  const port = 88;
  writeFileSync(join(dir, "krb5.conf"), `[libdefaults]\n  default_realm = ${realm}\n`);
  writeFileSync(
    join(dir, "kdc.conf"),
    `[kdcdefaults]
  kdc_listen = ${host}:${port}
  kdc_tcp_listen = ${host}:${port}
[realms]
  ${realm} = {
    database_name = ${join(dir, "principal")}
    key_stash_file = ${join(dir, "stash")}
    supported_enctypes = aes256-cts-hmac-sha1-96:normal aes128-cts-hmac-sha1-96:normal
  }
`,
  );
  const env = {
    ...process.env,
    KRB5_CONFIG: join(dir, "krb5.conf"),
    KRB5_KDC_PROFILE: join(dir, "kdc.conf"),
    KRB5_TRACE: join(dir, "trace"),
  };
  execFileSync("kdb5_util", ["create", "-s", "-r", realm, "-P", "master"], { env, stdio: "ignore" });
  const input = `${queries.join("\n")}\n`;
  execFileSync("kadmin.local", ["-r", realm], { env, input, stdio: ["pipe", "ignore", "ignore"] });
  const child: ChildProcess = spawn("krb5kdc", ["-n", "-r", realm], { env, stdio: "ignore" });
  await listening(host, port);
  return {
    realm,
    host,
    port,
    stop: async () => {
      const gone = once(child, "exit");
      child.kill("SIGTERM");
      await gone;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function listening(host: string, port: number): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const socket = connect({ host, port });
    const [event] = await Promise.race([
      once(socket, "connect").then(() => ["connect"]),
      once(socket, "error").then(() => ["error"]),
    ]).catch(() => ["error"]);
    socket.destroy();
    if (event === "connect") return;
    await sleep(50);
  }
  throw new Error("krb5kdc does not listen");
}
