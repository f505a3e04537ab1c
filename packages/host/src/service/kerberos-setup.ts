import { readFileSync, statSync } from "node:fs";
import type { Logger } from "@waybill/base";
import {
  dnsLocator,
  firstOf,
  type KdcLocator,
  KerberosClient,
  type Keytab,
  loadKrb5Conf,
  NetworkTransport,
  parseKeytab,
  staticLocator,
} from "@waybill/kerberos";
import { HostError } from "../errors.ts";

/** KDCs from krb5.conf where it names them, else from DNS. */
export function kdcLocator(krb5Conf: string | undefined, realm: string): KdcLocator {
  if (krb5Conf === undefined) return dnsLocator();
  const conf = loadKrb5Conf(krb5Conf);
  const kdc = conf.servers(realm, "kdc");
  const kpasswd = conf.servers(realm, "kpasswd_server");
  if (kdc.length === 0) return dnsLocator();
  return firstOf(
    staticLocator({ [realm]: { kdc, ...(kpasswd.length === 0 ? {} : { kpasswd }) } }),
    dnsLocator(),
  );
}

export function hostKerberosClient(krb5Conf: string | undefined, realm: string, log: Logger): KerberosClient {
  return new KerberosClient({
    transport: new NetworkTransport({ locator: kdcLocator(krb5Conf, realm) }),
    log,
  });
}

/** The keytab, read anew whenever the file has changed. @throws HostError `KEYTAB_UNREADABLE` */
export function keytabReader(path: string): () => Keytab {
  let held: { keytab: Keytab; stamp: string } | undefined;
  return () => {
    try {
      const { mtimeMs, size, mode } = statSync(path);
      if ((mode & 0o077) !== 0) throw exposed(path);
      const stamp = `${mtimeMs} ${size}`;
      if (held?.stamp !== stamp) held = { keytab: parseKeytab(readFileSync(path)), stamp };
      return held.keytab;
    } catch (cause) {
      if (cause instanceof HostError) throw cause;
      throw new HostError(`cannot read the keytab ${path}`, {
        code: "KEYTAB_UNREADABLE",
        family: "environment",
        facts: { path },
        remedy: "Export the computer account's keys there; `waybill host check` says what is missing.",
        cause,
      });
    }
  };
}

function exposed(path: string): HostError {
  return new HostError(`others than its owner may read the keytab ${path}`, {
    code: "KEYTAB_EXPOSED",
    family: "environment",
    facts: { path },
    remedy: `chmod 600 ${path}, and change the machine's password if others had access.`,
  });
}
