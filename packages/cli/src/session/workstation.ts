import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { systemCode, WaybillError } from "@waybill/base";
import {
  configuredClient,
  defaultCacheName,
  type KerberosClient,
  type Krb5Conf,
  loadKrb5Conf,
} from "@waybill/kerberos";
import { parse } from "yaml";

/** Where a host is reached when DNS does not say, as in a lab. */
export interface HostAddress {
  readonly address: string;
  readonly port: number;
}

/** What a workstation knows of its domain: krb5.conf, where the hosts are, where the tickets are. */
export interface Workstation {
  readonly krb5: Krb5Conf;
  readonly client: KerberosClient;
  /** Name of the credential cache, as in KRB5CCNAME. */
  readonly cacheName: string;
  address(host: string): HostAddress;
  /** A host's full DNS name: short names belong to the default realm's domain. */
  fullName(host: string): string;
}

/**
 * Reads the workstation's files: `$KRB5_CONFIG` or /etc/krb5.conf, and `$WAYBILL_CONFIG` or
 * ~/.config/waybill/workstation.yaml (`hosts: {kvm01.lab.test: {address: 127.0.0.2, port: 5985}}`), if there is one.
 */
export function readWorkstation(environment: NodeJS.ProcessEnv = process.env): Workstation {
  const krb5 = readKrb5Conf(environment);
  const hosts = readHosts(
    environment.WAYBILL_CONFIG ?? join(homedir(), ".config", "waybill", "workstation.yaml"),
  );
  const domain = krb5.defaultRealm?.toLowerCase();
  return {
    krb5,
    client: configuredClient(krb5),
    cacheName: environment.KRB5CCNAME ?? defaultCacheName(krb5),
    address: (host) => hosts.get(host.toLowerCase()) ?? { address: host, port: 5985 },
    fullName: (host) =>
      (host.includes(".") || domain === undefined ? host : `${host}.${domain}`).toLowerCase(),
  };
}

/** The files of `$KRB5_CONFIG`, or /etc/krb5.conf. */
export function readKrb5Conf(environment: NodeJS.ProcessEnv = process.env): Krb5Conf {
  return loadKrb5Conf(environment.KRB5_CONFIG?.split(":") ?? "/etc/krb5.conf");
}

function readHosts(path: string): Map<string, HostAddress> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return new Map();
    throw unreadable(path, error);
  }
  const document = parse(text) as { hosts?: Record<string, { address?: unknown; port?: unknown }> } | null;
  const entries = Object.entries(document?.hosts ?? {}).map(
    ([name, { address, port }]): [string, HostAddress] => {
      if (typeof address !== "string") throw unreadable(path, undefined);
      return [name.toLowerCase(), { address, port: typeof port === "number" ? port : 5985 }];
    },
  );
  return new Map(entries);
}

function unreadable(path: string, cause: unknown): WaybillError {
  return new WaybillError(`cannot make sense of ${path}`, {
    code: "WORKSTATION_CONFIG_INVALID",
    family: "caller",
    remedy: "It has one entry, hosts, which maps host names to address and port.",
    cause,
  });
}
