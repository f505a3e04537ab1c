import { randomInt } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Daemon, loopbackAddress, run, startDaemon, waitForPort } from "../support/processes.ts";

/** A small realm of MIT's own KDC, for as long as a test file runs. */
export interface MitRealm {
  readonly directory: string;
  /** KRB5_CONFIG and what else MIT's programs need to know the realm. */
  readonly env: Readonly<Record<string, string>>;
  /** Where `kcmDirectory` stands for /run, Heimdal's KCM daemon listens here. */
  readonly kcmSocket: string;
  readonly kcmDirectory: string;
  kadmin(query: string): Promise<string>;
  stop(): Promise<void>;
}

/** Realm MIT.TEST with the principal alice (password "alice-password") and host/kvm01.mit.test (random key). */
export async function startMitRealm(): Promise<MitRealm> {
  const directory = await mkdtemp(join(tmpdir(), "waybill-mit-"));
  const address = loopbackAddress();
  const port = randomInt(20_000, 60_000);
  const kcmDirectory = join(directory, "run");
  const kcmSocket = join(kcmDirectory, ".heim_org.h5l.kcm-socket");
  await mkdir(kcmDirectory);
  await writeFile(
    join(directory, "krb5.conf"),
    `[libdefaults]
  default_realm = MIT.TEST
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
  kcm_socket = ${kcmSocket}
[realms]
  MIT.TEST = {
    kdc = ${address}:${port}
  }
[domain_realm]
  .mit.test = MIT.TEST
`,
  );
  await writeFile(
    join(directory, "kdc.conf"),
    `[kdcdefaults]
  kdc_listen = ${address}:${port}
  kdc_tcp_listen = ${address}:${port}
[realms]
  MIT.TEST = {
    database_name = ${join(directory, "principal")}
    key_stash_file = ${join(directory, "stash")}
    acl_file = ${join(directory, "acl")}
    supported_enctypes = aes256-cts:normal aes128-cts:normal aes256-sha2:normal
    disable_last_success = true
    disable_lockout = true
  }
`,
  );
  const env = { KRB5_CONFIG: join(directory, "krb5.conf"), KRB5_KDC_PROFILE: join(directory, "kdc.conf") };
  const kadmin = (query: string) => run("/usr/sbin/kadmin.local", ["-r", "MIT.TEST", "-q", query], { env });
  await run("/usr/sbin/kdb5_util", ["-r", "MIT.TEST", "create", "-s", "-P", "master"], { env });
  await kadmin("addprinc +requires_preauth -pw alice-password alice");
  await kadmin("addprinc -randkey host/kvm01.mit.test");
  const kdc: Daemon = startDaemon("/usr/sbin/krb5kdc", ["-n", "-r", "MIT.TEST"], {
    env,
    log: join(directory, "log"),
  });
  await waitForPort(address, port, kdc);
  return {
    directory,
    env,
    kcmSocket,
    kcmDirectory,
    kadmin,
    async stop() {
      await kdc.stop();
      await rm(directory, { recursive: true });
    },
  };
}
