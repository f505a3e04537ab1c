import type { Krb5Conf } from "../files/krb5-conf.ts";
import { KerberosClient, type KerberosClientOptions } from "./kerberos-client.ts";
import { confLocator } from "./transport/conf-locator.ts";
import { NetworkTransport, type NetworkTransportOptions } from "./transport/network-transport.ts";

/** What a configured client may be told beside its krb5.conf. */
export type ConfiguredClientOptions = Partial<KerberosClientOptions> & {
  /** Settings of the network that krb5.conf does not have. */
  readonly network?: Partial<NetworkTransportOptions> | undefined;
};

/**
 * A client that finds KDCs, paths between realms and encryption types in krb5.conf.
 *
 * @example
 * const client = configuredClient(loadKrb5Conf());
 */
export function configuredClient(conf: Krb5Conf, options: ConfiguredClientOptions = {}): KerberosClient {
  const { network, ...rest } = options;
  const { udpPreferenceLimit, permittedEncTypes } = conf.libdefaults;
  const locator = confLocator(conf);
  return new KerberosClient({
    transport: new NetworkTransport({ locator, udpPreferenceLimit, ...network }),
    etypes: permittedEncTypes,
    path: (from, to) => conf.transitPath(from, to),
    ...rest,
  });
}
