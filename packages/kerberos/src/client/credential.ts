import { createHash } from "node:crypto";
import type { EpochMs } from "@waybill/base";
import type { EncryptionKey, HostAddresses } from "../messages/basic.ts";
import type { Ticket } from "../messages/ticket.ts";
import { isTicketGrantingService, type Principal, toPrincipal } from "../principal.ts";
import { TicketFlags } from "../registry/flags.ts";

/** Which exchange a credential came from. A forwarded or cached one may not know. */
export type CredentialOrigin = "AS" | "TGS" | "S4U2Self" | "S4U2Proxy";

/** A ticket and what its holder must know to use it. Immutable; contains a session key, so it is a secret. */
export interface Credential {
  /** Whose identity the ticket carries. With S4U that is the impersonated person. */
  readonly client: Principal;
  readonly server: Principal;
  readonly ticket: Ticket;
  /** The session key. */
  readonly key: EncryptionKey;
  /** `TicketFlags` */
  readonly flags: number;
  readonly authTime: EpochMs;
  readonly startTime?: EpochMs | undefined;
  readonly endTime: EpochMs;
  readonly renewTill?: EpochMs | undefined;
  readonly addresses?: HostAddresses | undefined;
  readonly origin?: CredentialOrigin | undefined;
}

/** Whether S4U2Proxy can use the ticket as evidence, or a service be given it. */
export function isForwardable(credential: Credential): boolean {
  return (credential.flags & TicketFlags.forwardable) !== 0;
}

/** The realm whose KDC this ticket-granting ticket is good at; of another ticket, the realm that gave it. */
export function grantingRealm({ server }: Credential): string {
  return (isTicketGrantingService(server) ? server.components[1] : undefined) ?? server.realm;
}

/** The service the ticket itself names, which is not under encryption. */
export function ticketServer(ticket: Ticket): Principal {
  return toPrincipal(ticket.realm, ticket.sname);
}

const fingerprints = new WeakMap<Ticket, string>();

/** A short, irreversible name of one ticket: cache keys and logs. */
export function ticketFingerprint(ticket: Ticket): string {
  let fingerprint = fingerprints.get(ticket);
  if (fingerprint === undefined) {
    fingerprint = createHash("sha256").update(ticket.encPart.cipher).digest("base64url").slice(0, 22);
    fingerprints.set(ticket, fingerprint);
  }
  return fingerprint;
}
