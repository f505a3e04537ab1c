import { WaybillError } from "@waybill/base";
import {
  type Credential,
  formatPrincipal,
  fromCachedCredential,
  isTicketGrantingService,
  KerberosError,
  openCredentialCache,
} from "@waybill/kerberos";
import type { Workstation } from "./workstation.ts";

/** The signed-in person's ticket-granting ticket, from the credential cache. @throws WaybillError NOT_LOGGED_IN */
export async function currentLogin(workstation: Workstation): Promise<Credential> {
  const { cacheName } = workstation;
  try {
    const contents = await openCredentialCache(cacheName).read();
    const tgt = contents.credentials.find(({ server }) => isTicketGrantingService(server));
    if (tgt === undefined) throw notLoggedIn(cacheName, "it holds no ticket-granting ticket");
    if (tgt.endTime < Date.now()) {
      throw notLoggedIn(
        cacheName,
        `the ticket of ${formatPrincipal(tgt.client)} expired at ${new Date(tgt.endTime).toISOString()}`,
      );
    }
    return fromCachedCredential(tgt);
  } catch (error) {
    if (error instanceof KerberosError && error.code === "CCACHE_NOT_FOUND")
      throw notLoggedIn(cacheName, "there is none", error);
    throw error;
  }
}

function notLoggedIn(cache: string, why: string, cause?: unknown): WaybillError {
  return new WaybillError(`you are not logged in: credential cache ${cache}: ${why}`, {
    code: "NOT_LOGGED_IN",
    family: "caller",
    facts: { cache },
    remedy: "Log in with `kinit` or `waybill ticket login`.",
    cause,
  });
}
