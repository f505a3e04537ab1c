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

/** A directory server: where it is, and the DNS name its service ticket is for. */
export interface DirectoryAddress extends HostAddress {
  readonly name: string;
}

/** What a workstation knows of its domain: krb5.conf, where the hosts are, where the tickets are. */
export interface Workstation {
  readonly krb5: Krb5Conf;
  readonly client: KerberosClient;
  /** Name of the credential cache, as in KRB5CCNAME. */
  readonly cacheName: string;
  address(host: string): HostAddress;
  /** Full names of the hosts that the workstation's file says an address of. */
  readonly knownHosts: readonly string[];
  /** The domain controller to ask, where DNS does not say. */
  readonly directory: DirectoryAddress | undefined;
  /** All that the file names, that one first. */
  readonly directories: readonly DirectoryAddress[];
  /** A host's full DNS name: short names belong to the default realm's domain. */
  fullName(host: string): string;
}

/**
 * Reads the workstation's files: `$KRB5_CONFIG` or /etc/krb5.conf, and `$WAYBILL_CONFIG` or
 * ~/.config/waybill/workstation.yaml (`hosts: {kvm01.lab.test: {address: 127.0.0.2, port: 5985}}`), if there is one.
 */
export function readWorkstation(environment: NodeJS.ProcessEnv = process.env): Workstation {
  const krb5 = readKrb5Conf(environment);
  const { hosts, directories } = readAddresses(
    environment.WAYBILL_CONFIG ?? join(homedir(), ".config", "waybill", "workstation.yaml"),
  );
  const domain = krb5.defaultRealm?.toLowerCase();
  return {
    krb5,
    client: configuredClient(krb5),
    cacheName: environment.KRB5CCNAME ?? defaultCacheName(krb5),
    address: (host) => hosts.get(host.toLowerCase()) ?? { address: host, port: 5985 },
    knownHosts: [...hosts.keys()],
    directory: directories[0],
    directories,
    fullName: (host) =>
      (host.includes(".") || domain === undefined ? host : `${host}.${domain}`).toLowerCase(),
  };
}

/** The files of `$KRB5_CONFIG`, or /etc/krb5.conf. */
export function readKrb5Conf(environment: NodeJS.ProcessEnv = process.env): Krb5Conf {
  return loadKrb5Conf(environment.KRB5_CONFIG?.split(":") ?? "/etc/krb5.conf");
}

interface Addresses {
  readonly hosts: ReadonlyMap<string, HostAddress>;
  readonly directories: readonly DirectoryAddress[];
}

function readAddresses(path: string): Addresses {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return { hosts: new Map(), directories: [] };
    throw unreadable(path, error);
  }
  let document: Record<string, unknown>;
  try {
    document = record(parse(text) ?? {}, path);
  } catch (error) {
    throw unreadable(path, error);
  }
  const hosts = Object.entries(record(document.hosts ?? {}, path)).map(
    ([name, entry]): [string, HostAddress] => [
      name.toLowerCase(),
      hostAddress(record(entry, path), 5985, path),
    ],
  );
  const { ldap } = document;
  const directories = ldap === undefined ? [] : Array.isArray(ldap) ? ldap : [ldap];
  return { hosts: new Map(hosts), directories: directories.map((entry) => directoryAddress(entry, path)) };
}

function directoryAddress(entry: unknown, path: string): DirectoryAddress {
  const fields = record(entry, path);
  const address = hostAddress(fields, 389, path);
  return { ...address, name: typeof fields.name === "string" ? fields.name : address.address };
}

function hostAddress(fields: Record<string, unknown>, usualPort: number, path: string): HostAddress {
  const { address, port = usualPort } = fields;
  if (typeof address !== "string" || typeof port !== "number") throw unreadable(path, undefined);
  return { address, port };
}

function record(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw unreadable(path, undefined);
  return value as Record<string, unknown>;
}

function unreadable(path: string, cause: unknown): WaybillError {
  return new WaybillError(`cannot make sense of ${path}`, {
    code: "WORKSTATION_CONFIG_INVALID",
    family: "caller",
    remedy:
      "It has the entries hosts, which maps host names to address and port, and ldap, with address, port and name, or a list of such.",
    cause,
  });
}
