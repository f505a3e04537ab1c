import { promises as dns } from "node:dns";
import { AbortedError, resolveSrv, type SrvResolver, systemCode } from "@waybill/base";
import type { KdcService } from "../exchange.ts";
import { defaultPort, type KdcEndpoint, type KdcLocator } from "./endpoint.ts";

/**
 * KDCs by name, as krb5.conf writes them: `host`, `host:port`, `[::1]:88`, `tcp/host`, `udp/host:port`,
 * `https://host/path`.
 */
export function parseKdcAddress(text: string, service: KdcService = "kdc"): KdcEndpoint {
  const https = /^https:\/\/(\[[^\]]+\]|[^:/]+)(?::(\d+))?(\/.*)?$/i.exec(text.trim());
  if (https !== null) {
    const [, host = "", port = "443", path = "/KdcProxy"] = https;
    return { protocol: "https", host: unbracketed(host), port: Number(port), path };
  }
  const [, scheme, rest = ""] = /^(?:(udp|tcp)\/)?(.*)$/i.exec(text.trim()) ?? [];
  const protocol = scheme?.toLowerCase() === "udp" ? "udp" : scheme?.toLowerCase() === "tcp" ? "tcp" : "any";
  const [, host = rest, port] = /^(\[[^\]]+\]|[^:]*)(?::(\d+))?$/.exec(rest) ?? [];
  return {
    protocol,
    host: unbracketed(host),
    port: port === undefined ? defaultPort[service] : Number(port),
  };
}

function unbracketed(host: string): string {
  return host.replace(/^\[(.*)\]$/, "$1");
}

/** KDCs that are known beforehand: addresses by realm, in `parseKdcAddress`'s spelling. */
export function staticLocator(
  realms: Readonly<Record<string, { readonly kdc: readonly string[]; readonly kpasswd?: readonly string[] }>>,
): KdcLocator {
  const tables = new Map(Object.entries(realms).map(([realm, addresses]) => [realm, endpoints(addresses)]));
  return { locate: async (realm, service) => tables.get(realm)?.[service] ?? [] };
}

function endpoints(addresses: {
  readonly kdc: readonly string[];
  readonly kpasswd?: readonly string[];
}): Record<KdcService, readonly KdcEndpoint[]> {
  const kdc = addresses.kdc.map((text) => parseKdcAddress(text));
  // Without an own entry the password service is where the KDC is, on its own port; a proxy serves both.
  const kpasswd =
    addresses.kpasswd?.map((text) => parseKdcAddress(text, "kpasswd")) ??
    kdc.map((endpoint) =>
      endpoint.protocol === "https" ? endpoint : { ...endpoint, port: defaultPort.kpasswd },
    );
  return { kdc, kpasswd };
}

/** What the DNS locator needs of a resolver; `dns.promises.Resolver` has it. */
export interface KdcResolver extends SrvResolver {
  /** When there, hosts are looked up here too, not by the system: for a domain whose DNS the system does not use. */
  resolve4?(name: string): Promise<string[]>;
}

/** KDCs by DNS SRV records: RFC 4120 section 7.2.3.2. Results are kept for a minute. */
export function dnsLocator(options: { readonly resolver?: KdcResolver | undefined } = {}): KdcLocator {
  // The system's own resolver leaves host names to the system, which knows /etc/hosts as well.
  const { resolver = { resolveSrv: dns.resolveSrv, getServers: dns.getServers } } = options;
  const cache = new Map<string, { readonly until: number; readonly found: readonly KdcEndpoint[] }>();
  return {
    async locate(realm, service, signal) {
      if (signal?.aborted) throw new AbortedError(`looking for KDCs of ${realm}`, signal.reason);
      const key = `${service} ${realm}`;
      const known = cache.get(key);
      if (known !== undefined && known.until > Date.now()) return known.found;
      const found = await lookUp(resolver, realm, service);
      if (found.length > 0) cache.set(key, { until: Date.now() + 60_000, found });
      return found;
    },
  };
}

async function lookUp(
  resolver: KdcResolver,
  realm: string,
  service: KdcService,
): Promise<readonly KdcEndpoint[]> {
  const label = service === "kdc" ? "_kerberos" : "_kpasswd";
  const query = async (protocol: "udp" | "tcp"): Promise<KdcEndpoint[]> => {
    const records = await resolveSrv(`${label}._${protocol}.${realm}`, resolver).catch(nothingThere);
    // A lone "." says that the service is decidedly not offered (RFC 2782).
    return inOrder(records.filter(({ name }) => name !== "" && name !== ".")).map(({ name, port }) => ({
      protocol,
      host: name,
      port,
    }));
  };
  const [udp, tcp] = await Promise.all([query("udp"), query("tcp")]);
  const both = (endpoint: KdcEndpoint): boolean =>
    tcp.some(({ host, port }) => host === endpoint.host && port === endpoint.port);
  const merged = udp.map(
    (endpoint): KdcEndpoint => (both(endpoint) ? { ...endpoint, protocol: "any" } : endpoint),
  );
  const all = [
    ...merged,
    ...tcp.filter(({ host, port }) => !udp.some((other) => other.host === host && other.port === port)),
  ];
  return resolver.resolve4 === undefined ? all : await withAddresses(resolver, all);
}

async function withAddresses(
  resolver: KdcResolver,
  endpoints: readonly KdcEndpoint[],
): Promise<readonly KdcEndpoint[]> {
  const resolved = endpoints.map(async (endpoint): Promise<KdcEndpoint[]> => {
    const addresses = (await resolver.resolve4?.(endpoint.host).catch(nothingThere)) ?? [];
    return addresses.map((host) => ({ ...endpoint, host }));
  });
  return (await Promise.all(resolved)).flat();
}

/** Lower priority first; within one priority at random by weight (RFC 2782). */
function inOrder<T extends { readonly priority: number; readonly weight: number }>(
  records: readonly T[],
): T[] {
  const keyed = records.map((record) => ({
    record,
    key: -Math.log(1 - Math.random()) / (record.weight + 0.01),
  }));
  return keyed
    .sort((a, b) => a.record.priority - b.record.priority || a.key - b.key)
    .map(({ record }) => record);
}

function nothingThere(error: unknown): [] {
  const code = systemCode(error);
  if (code === "ENOTFOUND" || code === "ENODATA" || code === "ESERVFAIL" || code === "ETIMEOUT") return [];
  throw error;
}

/** Asks one locator after the other until one knows the realm: krb5.conf first, then DNS. */
export function firstOf(...locators: readonly KdcLocator[]): KdcLocator {
  return {
    async locate(realm, service, signal) {
      for (const locator of locators) {
        const found = await locator.locate(realm, service, signal);
        if (found.length > 0) return found;
      }
      return [];
    },
  };
}
