import { DirectoryLdapBackend } from "@waybill/directory";
import { createTestDomain, type TestDomain, type TestDomainOptions } from "@waybill/kdc/testing";
import { MemoryReplayCache } from "@waybill/kerberos";
import { acceptKerberos, LdapServer } from "@waybill/ldap";

export interface TestController {
  readonly domain: TestDomain;
  /** For a host's `directory`. */
  readonly ldap: { readonly address: string; readonly port: number; readonly name: string };
  /** Its LDAP is gone, as after a crash. */
  stopLdap(): Promise<void>;
  close(): Promise<void>;
}

/** A test domain whose controller also answers LDAP, to whoever comes with a ticket. */
export async function startController(options: TestDomainOptions = {}): Promise<TestController> {
  const name = "dc1.lab.test";
  const domain = await createTestDomain({
    sockets: true,
    ...options,
    computers: [...(options.computers ?? []), { name: "DC1", dnsHostName: name, spns: [`ldap/${name}`] }],
  });
  const server = new LdapServer({
    backend: new DirectoryLdapBackend({ directory: domain.directory, dnsHostName: name }),
    accept: acceptKerberos({ keytab: domain.keytab("DC1$"), replayCache: new MemoryReplayCache() }),
  });
  const address = "127.0.0.1";
  const port = await server.listen({ host: address, port: 0 });
  const stopLdap = async (): Promise<void> => await server.stop();
  return {
    domain,
    ldap: { address, port, name },
    stopLdap,
    close: async () => {
      await stopLdap();
      await domain.close();
    },
  };
}
