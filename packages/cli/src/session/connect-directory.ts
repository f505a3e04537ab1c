import { resolveSrv, WaybillError } from "@waybill/base";
import { type Credential, parsePrincipal } from "@waybill/kerberos";
import { kerberosBind, LdapClient } from "@waybill/ldap";
import type { DirectoryAddress, Workstation } from "./workstation.ts";

export interface ConnectDirectoryOptions {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds for each answer. */
  readonly timeout?: number | undefined;
}

/**
 * Connects to a domain controller's LDAP as the signed-in person, signed and sealed with their ticket.
 *
 * @throws WaybillError NO_DIRECTORY_SERVER when neither the workstation's file nor DNS names one; LdapError, KerberosError
 */
export async function connectDirectory(
  tgt: Credential,
  workstation: Workstation,
  options: ConnectDirectoryOptions = {},
): Promise<LdapClient> {
  const { signal, timeout = 10_000 } = options;
  const { realm } = tgt.client;
  const { address, port, name } = workstation.directory ?? (await discover(realm));
  const host = address.includes(":") ? `[${address}]` : address;
  const ldap = await LdapClient.connect({
    url: `ldap://${host}:${port}`,
    timeout,
    ...(signal && { signal }),
  });
  try {
    const server = parsePrincipal(`ldap/${name}@${realm}`);
    const getTicket = async () => await workstation.client.getTicket({ tgt, server }, { signal });
    await ldap.bindSasl({ ...kerberosBind({ getTicket }), signal });
    return ldap;
  } catch (error) {
    ldap.close();
    throw error;
  }
}

/** A domain controller of the realm, by DNS: MS-ADTS section 6.3.2.3. */
async function discover(realm: string): Promise<DirectoryAddress> {
  const domain = realm.toLowerCase();
  const records = await resolveSrv(`_ldap._tcp.dc._msdcs.${domain}`).catch(() => []);
  const [best] = records.toSorted((a, b) => a.priority - b.priority || b.weight - a.weight);
  if (best !== undefined) return { address: best.name, port: best.port, name: best.name };
  throw new WaybillError(`no domain controller of ${realm} is known`, {
    code: "NO_DIRECTORY_SERVER",
    family: "environment",
    remedy: "Name one in the workstation's file: ldap: {address: …, port: 389, name: dc1.…}.",
  });
}
