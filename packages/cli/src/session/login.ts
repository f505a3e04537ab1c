import { WaybillError } from "@waybill/base";
import {
  type Credential,
  type CredentialCache,
  KerberosError,
  openCredentialCache,
  tgtFromCache,
} from "@waybill/kerberos";
import type { Workstation } from "./workstation.ts";

const notLoggedInCodes: ReadonlySet<string> = new Set([
  "CCACHE_NOT_FOUND",
  "NO_TICKET_IN_CACHE",
  "TICKET_EXPIRED",
]);

/** The credential cache the signed-in person's tickets are in. */
export function loginCache({ cacheName, krb5 }: Workstation): CredentialCache {
  return openCredentialCache(cacheName, { kcmSocket: krb5.libdefaults.kcmSocket });
}

/** The signed-in person's ticket-granting ticket, from the credential cache. @throws WaybillError NOT_LOGGED_IN */
export async function currentLogin(workstation: Workstation): Promise<Credential> {
  try {
    return await tgtFromCache(loginCache(workstation));
  } catch (cause) {
    if (!(cause instanceof KerberosError) || !notLoggedInCodes.has(cause.code)) throw cause;
    throw new WaybillError(`you are not logged in: ${cause.message}`, {
      code: "NOT_LOGGED_IN",
      family: "caller",
      facts: { cache: workstation.cacheName },
      remedy: "Log in with `kinit` or `waybill ticket login`.",
      cause,
    });
  }
}
