import { utf8, withDeadline } from "@waybill/base";
import { type Credential, formatSid, parsePrincipal } from "@waybill/kerberos";
import { connectToDomain, domainFromDn, type Filter, kerberosBind, LdapClient } from "@waybill/ldap";
import { HostError } from "../errors.ts";
import type { NameLookup } from "./account-names.ts";

export interface DirectoryNamesOptions {
  readonly realm: string;
  /** A domain controller, when DNS does not say: where it is, and the name its service ticket is for. */
  readonly controller?:
    | { readonly address: string; readonly port: number; readonly name: string }
    | undefined;
  /** A ticket of the host's own account. */
  getTicket(server: ReturnType<typeof parsePrincipal>, signal: AbortSignal | undefined): Promise<Credential>;
}

const timeout = 10_000;

/**
 * Asks a domain controller for the SIDs of users and groups, signed and sealed with the host's own ticket. Names are
 * `VM Operators` (sAMAccountName), `LAB\VM Operators`, or `alice@lab.test`; a name that two accounts answer to is as
 * good as none.
 *
 * @throws KerberosError, LdapError, LdapConnectionError, DeadlineError
 */
export function directoryNames(options: DirectoryNamesOptions): NameLookup {
  return async (names, signal) =>
    await withDeadline({ what: "looking up names of the access list", timeout, signal }, async (stop) => {
      const client = await connect(options, stop);
      try {
        return await lookUp(client, names, stop);
      } finally {
        client.close();
      }
    });
}

async function connect(options: DirectoryNamesOptions, signal: AbortSignal): Promise<LdapClient> {
  const { realm, controller } = options;
  const common = { timeout, signal };
  const client =
    controller === undefined
      ? await connectToDomain(realm.toLowerCase(), common)
      : await LdapClient.connect({ ...common, url: ldapUrl(controller.address, controller.port) });
  try {
    const getTicket = async ([service, host]: readonly [string, string]): Promise<Credential> =>
      await options.getTicket(parsePrincipal(`${service}/${controller?.name ?? host}@${realm}`), signal);
    await client.bindSasl({ ...kerberosBind({ getTicket }), signal });
    return client;
  } catch (error) {
    client.close();
    throw error;
  }
}

function ldapUrl(address: string, port: number): string {
  return `ldap://${address.includes(":") ? `[${address}]` : address}:${port}`;
}

async function lookUp(
  client: LdapClient,
  names: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const root = await client.rootDse(["defaultNamingContext", "configurationNamingContext"], { signal });
  const base = root.text("defaultNamingContext");
  const domain = base === undefined ? undefined : domainFromDn(base);
  if (base === undefined || domain === undefined) {
    throw new HostError(`${client.server} is not a domain controller: it names no default naming context`, {
      code: "NOT_A_CONTROLLER",
      family: "environment",
      facts: { server: client.server },
      remedy: "Correct `directory` in the host's configuration, or DNS.",
    });
  }
  const ours = new Set([domain.toLowerCase()]);
  const configuration = root.text("configurationNamingContext");
  if (configuration !== undefined && names.some((name) => name.includes("\\"))) {
    const filter = allOf(equal("objectClass", "crossRef"), equal("nCName", base));
    for await (const entry of client.search({
      base: configuration,
      filter,
      attributes: ["nETBIOSName"],
      signal,
    }))
      for (const name of entry.texts("nETBIOSName")) ours.add(name.toLowerCase());
  }
  const found = new Map<string, string>();
  for (const name of names) {
    const filter = filterOf(name, domain, ours);
    if (filter === undefined) continue;
    const sids = new Set<string>();
    for await (const entry of client.search({ base, filter, attributes: ["objectSid"], signal })) {
      const sid = entry.value("objectSid");
      if (sid !== undefined) sids.add(formatSid(sid));
    }
    const [sid, ...more] = sids;
    if (sid !== undefined && more.length === 0) found.set(name.toLowerCase(), sid);
  }
  return found;
}

/** What finds a name's account; nothing when the name belongs to another domain. */
function filterOf(name: string, domain: string, ours: ReadonlySet<string>): Filter | undefined {
  const accounts = anyOf(equal("objectClass", "user"), equal("objectClass", "group"));
  const slash = name.indexOf("\\");
  if (slash >= 0) {
    if (!ours.has(name.slice(0, slash).toLowerCase())) return undefined;
    return allOf(accounts, equal("sAMAccountName", name.slice(slash + 1)));
  }
  const at = name.lastIndexOf("@");
  if (at < 0) return allOf(accounts, equal("sAMAccountName", name));
  const explicit = equal("userPrincipalName", name);
  if (name.slice(at + 1).toLowerCase() !== domain.toLowerCase()) return allOf(accounts, explicit);
  // The implicit UPN, which every account has: MS-ADTS section 5.1.1.1.1.
  return allOf(accounts, anyOf(explicit, equal("sAMAccountName", name.slice(0, at))));
}

function equal(attributeDesc: string, value: string): Filter {
  return { kind: "equalityMatch", value: { attributeDesc, assertionValue: utf8(value) } };
}

function allOf(...value: readonly Filter[]): Filter {
  return { kind: "and", value };
}

function anyOf(...value: readonly Filter[]): Filter {
  return { kind: "or", value };
}
