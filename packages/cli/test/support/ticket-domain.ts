import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTestDomain, type TestDomain, type TestDomainOptions } from "@waybill/kdc/testing";
import { writeKeytab } from "@waybill/kerberos";

/** A domain on sockets and a workstation's files for it: krb5.conf, a credential cache, keytabs. */
export interface TicketDomain {
  readonly domain: TestDomain;
  readonly directory: string;
  readonly cache: string;
  /** KRB5_CONFIG and KRB5CCNAME, for our command and MIT's alike. */
  readonly env: Readonly<Record<string, string>>;
  /** Writes an account's keys to a file and gives its path. */
  keytab(account: string): Promise<string>;
  file(name: string): string;
  close(): Promise<void>;
}

export async function startTicketDomain(options: TestDomainOptions): Promise<TicketDomain> {
  const domain = await createTestDomain({ ...options, sockets: true });
  const directory = await mkdtemp(join(tmpdir(), "waybill-cli-"));
  const file = (name: string): string => join(directory, name);
  const kdc = `${domain.server?.host}:${domain.server?.port}`;
  await writeFile(
    file("krb5.conf"),
    `[libdefaults]
  default_realm = ${domain.realm}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
[realms]
  ${domain.realm} = {
    kdc = ${kdc}
  }
`,
  );
  return {
    domain,
    directory,
    cache: file("cc"),
    env: { KRB5_CONFIG: file("krb5.conf"), KRB5CCNAME: `FILE:${file("cc")}` },
    file,
    async keytab(account) {
      const path = file(`${account.replace("$", "")}.keytab`);
      await writeKeytab(path, domain.keytab(account));
      return path;
    },
    async close() {
      await domain.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
