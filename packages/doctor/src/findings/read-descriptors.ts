import type { Account } from "@waybill/directory";
import { formatSid } from "@waybill/kerberos";
import { type LdapClient, LdapError } from "@waybill/ldap";

/** Owner, group and DACL: what everybody may read who may read permissions at all (LDAP_SERVER_SD_FLAGS_OID). */
const readableParts = 7;
/** SIDs in one filter; servers limit how long one may be. */
const chunk = 100;

/** The security descriptors of accounts, by SID; those that the server hides, or does not have, are left out. */
export async function readDescriptors(
  ldap: LdapClient,
  base: string,
  accounts: readonly Account[],
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>();
  for (let at = 0; at < accounts.length; at += chunk) {
    const wanted = accounts.slice(at, at + chunk);
    const entries = ldap.search({
      base,
      filter: `(|${wanted.map(({ sid }) => `(objectSid=${sid})`).join("")})`,
      attributes: ["objectSid", "nTSecurityDescriptor"],
      sdFlags: readableParts,
      signal,
    });
    try {
      for await (const entry of entries) {
        const sid = entry.value("objectSid");
        const descriptor = entry.value("nTSecurityDescriptor");
        if (sid !== undefined && descriptor !== undefined) found.set(formatSid(sid), descriptor);
      }
    } catch (error) {
      // A server that does not know the control, or does not let us: then they are not known.
      if (!(error instanceof LdapError)) throw error;
    }
  }
  return found;
}
