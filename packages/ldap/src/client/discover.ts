import { Resolver } from "node:dns/promises";
import { type Random, randomUint31, resolveSrv, systemRandom, withDeadline } from "@waybill/base";
import { LdapConnectionError } from "../errors.ts";
import type { LdapConnectOptions } from "./client-options.ts";
import { LdapClient } from "./ldap-client.ts";

export interface DomainController {
  readonly host: string;
  readonly port: number;
}

export interface DiscoverOptions {
  /** Prefers the controllers of this AD site. */
  readonly site?: string | undefined;
  /** DNS servers to ask, `address` or `address:port`; the machine's own unless told. */
  readonly servers?: readonly string[] | undefined;
  /** Milliseconds; 5 s unless told. */
  readonly timeout?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly random?: Random | undefined;
}

interface SrvRecord {
  readonly name: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

const defaultTimeout = 5000;

/**
 * A domain's controllers, the ones to try first in front: MS-ADTS 6.3.6, order of RFC 2782.
 *
 * @throws LdapConnectionError LDAP_NO_SERVER_FOUND; DeadlineError, AbortedError.
 */
export async function discoverDomainControllers(
  domain: string,
  options: DiscoverOptions = {},
): Promise<DomainController[]> {
  const { site, servers, timeout = defaultTimeout, signal, random = systemRandom } = options;
  const inDomain = `dc._msdcs.${domain}`;
  const names = [
    ...(site === undefined ? [] : [`_ldap._tcp.${site}._sites.${inDomain}`]),
    `_ldap._tcp.${inDomain}`,
  ];
  const resolver = new Resolver();
  if (servers !== undefined) resolver.setServers([...servers]);
  return await withDeadline(
    { what: `looking for controllers of ${domain}`, timeout, signal },
    async (stop) => {
      stop.addEventListener("abort", () => resolver.cancel(), { once: true });
      const found = new Map<string, DomainController>();
      let cause: unknown;
      for (const name of names) {
        try {
          for (const { name: host, port } of orderRecords(await resolveSrv(name, resolver), random)) {
            const key = `${host.toLowerCase()}:${port}`;
            if (!found.has(key)) found.set(key, { host: host.replace(/\.$/, "").toLowerCase(), port });
          }
        } catch (error) {
          cause = error;
        }
      }
      if (found.size === 0) {
        throw new LdapConnectionError("LDAP_NO_SERVER_FOUND", `DNS knows no domain controller of ${domain}`, {
          cause,
          remedy: `Check that this machine asks the domain's DNS server: it must know _ldap._tcp.${inDomain} (SRV).`,
        });
      }
      return [...found.values()];
    },
  );
}

/** Lowest priority first; among equals drawn by weight, so that the load spreads. */
export function orderRecords(records: readonly SrvRecord[], random: Random): SrvRecord[] {
  const ordered: SrvRecord[] = [];
  const left = [...records].sort((a, b) => a.priority - b.priority || a.weight - b.weight);
  while (left.length > 0) {
    const priority = left[0]?.priority;
    const equals = left.filter((record) => record.priority === priority);
    const total = equals.reduce((sum, { weight }) => sum + weight, 0);
    let draw = randomUint31(random) % (total + 1);
    const index = equals.findIndex(({ weight }) => {
      draw -= weight;
      return draw <= 0;
    });
    ordered.push(...left.splice(Math.max(index, 0), 1));
  }
  return ordered;
}

/** Connects to the first controller that answers. @throws the last failure when none does. */
export async function connectToDomain(
  domain: string,
  options: Omit<LdapConnectOptions, "url"> & {
    readonly discover?: DiscoverOptions;
    readonly secure?: boolean;
  } = {},
): Promise<LdapClient> {
  const { discover, secure = false, ...connect } = options;
  const controllers = await discoverDomainControllers(domain, { signal: options.signal, ...discover });
  let failure: unknown;
  for (const { host, port } of controllers) {
    try {
      // Controllers announce only their plain port; ldaps has its fixed one.
      return await LdapClient.connect({
        ...connect,
        url: secure ? `ldaps://${host}` : `ldap://${host}:${port}`,
      });
    } catch (error) {
      if (options.signal?.aborted === true) throw error;
      failure = error;
    }
  }
  throw failure;
}
