import { domainFromDn, type LdapClient, LdapError } from "@waybill/ldap";
import { DirectoryError } from "../errors.ts";
import { DirectoryBuilder, type LoadedDirectory, type LoadOptions } from "./directory-builder.ts";
import { configurationAttributes, domainAttributes, objectAttributes } from "./model-attributes.ts";

export interface LoadFromLdapOptions extends Omit<LoadOptions, "attributes"> {
  readonly signal?: AbortSignal | undefined;
  /** Narrows down which accounts and groups are read; everything by default. */
  readonly filter?: string | undefined;
}

const everything =
  "(|(objectClass=user)(objectClass=group)(objectClass=trustedDomain)(objectClass=foreignSecurityPrincipal)" +
  "(objectClass=organizationalUnit))";

/** As many as Active Directory gives at once: MaxPageSize. */
const pageSize = 1000;

/**
 * Reads what decisions rest on from Active Directory or Samba into a directory in memory, over a bound client. An
 * account that hides what every account has is marked: its `unreadable` set names the attributes nobody may assume
 * empty.
 *
 * @throws LdapError, LdapConnectionError, DirectoryError NO_DOMAIN
 */
export async function loadFromLdap(
  client: LdapClient,
  options: LoadFromLdapOptions = {},
): Promise<LoadedDirectory> {
  const { signal } = options;
  const root = await client.rootDse(["defaultNamingContext", "configurationNamingContext"], { signal });
  const base = root.text("defaultNamingContext");
  const dnsName = base === undefined ? undefined : domainFromDn(base);
  if (base === undefined || dnsName === undefined) {
    throw new DirectoryError(
      "the LDAP server is not a domain controller: it names no default naming context",
      {
        code: "NO_DOMAIN",
        family: "peer",
        facts: { server: client.server },
      },
    );
  }
  const builder = new DirectoryBuilder({ ...options, dnsName });
  const head = await client.read(base, { attributes: domainAttributes, signal });
  if (head !== undefined) builder.add(head);
  for await (const entry of client.search({
    base,
    filter: options.filter ?? everything,
    attributes: objectAttributes,
    pageSize,
    signal,
  })) {
    builder.add(entry);
  }
  const configuration = root.text("configurationNamingContext");
  if (configuration !== undefined) await loadConfiguration(client, configuration, builder, signal);
  return builder.finish();
}

/** The short name of the domain, UPN suffixes and service aliases, as far as they may be read. */
async function loadConfiguration(
  client: LdapClient,
  base: string,
  builder: DirectoryBuilder,
  signal: AbortSignal | undefined,
): Promise<void> {
  const filter = "(|(objectClass=crossRef)(objectClass=nTDSService))";
  try {
    for await (const entry of client.search({ base, filter, attributes: configurationAttributes, signal }))
      builder.add(entry);
  } catch (error) {
    if (!(error instanceof LdapError)) throw error;
    builder.report(base, `the configuration could not be read: ${error.message}`);
  }
}
