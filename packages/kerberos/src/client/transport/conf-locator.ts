import type { Krb5Conf } from "../../files/krb5-conf.ts";
import type { KdcService } from "../exchange.ts";
import { defaultPort, type KdcEndpoint, type KdcLocator } from "./endpoint.ts";
import { dnsLocator, type KdcResolver, parseKdcAddress } from "./locators.ts";

/**
 * KDCs as krb5.conf says: [realms] first; DNS for realms it does not name, unless `dns_lookup_kdc` is off.
 * `https://` servers are KDC proxies.
 */
export function confLocator(
  conf: Krb5Conf,
  options: { readonly resolver?: KdcResolver | undefined } = {},
): KdcLocator {
  const dns = conf.libdefaults.dnsLookupKdc ? dnsLocator(options) : undefined;
  return {
    async locate(realm, service, signal) {
      const named = namedServers(conf, realm, service);
      return named.length > 0 || dns === undefined ? named : await dns.locate(realm, service, signal);
    },
  };
}

function namedServers(conf: Krb5Conf, realm: string, service: KdcService): readonly KdcEndpoint[] {
  if (service === "kdc") return conf.servers(realm, "kdc").map((text) => parseKdcAddress(text));
  const own = conf.servers(realm, "kpasswd_server").map((text) => parseKdcAddress(text, "kpasswd"));
  if (own.length > 0) return own;
  // The port of admin_server is kadmin's; the password service beside it has its own.
  const beside = (endpoint: KdcEndpoint): KdcEndpoint =>
    endpoint.protocol === "https" ? endpoint : { ...endpoint, port: defaultPort.kpasswd };
  return conf.servers(realm, "admin_server").map((text) => beside(parseKdcAddress(text, "kpasswd")));
}
