import type { Clock, EpochMs } from "@waybill/base";
import { decrypt } from "../crypto/encrypt.ts";
import { KerberosError } from "../errors.ts";
import { ApReq, Authenticator } from "../messages/ap.ts";
import type { EncryptionKey } from "../messages/basic.ts";
import { EncTicketPart } from "../messages/ticket.ts";
import { type Principal, samePrincipal, toPrincipal } from "../principal.ts";
import { ApOptions, TicketFlags } from "../registry/flags.ts";
import { KeyUsage } from "../registry/key-usage.ts";
import { MsgType } from "../registry/msg-type.ts";
import { decoding, GssError } from "./gss-error.ts";
import { openTicket, type ServiceKeys } from "./open-ticket.ts";
import type { ReplayCache } from "./replay-cache.ts";

/** What an AP-REQ is checked against. */
export interface AcceptApReqOptions {
  readonly keytab: ServiceKeys;
  /** Accept tickets for this principal only. Default: for any whose key is there, by whatever name. */
  readonly principal?: Principal | undefined;
  readonly replayCache: ReplayCache;
  readonly clock: Clock;
  /** Milliseconds. */
  readonly clockSkew: number;
}

/** An AP-REQ that passed every check, with what was sealed in it. */
export interface AcceptedApReq {
  readonly request: ApReq;
  readonly encTicketPart: EncTicketPart;
  /** The decrypted bytes of `encTicketPart`. */
  readonly ticketBytes: Uint8Array;
  readonly authenticator: Authenticator;
  readonly client: Principal;
  readonly server: Principal;
  /** The key the ticket was sealed with: what the PAC's server signature is made with. */
  readonly serviceKey: EncryptionKey;
}

/**
 * Checks an AP-REQ: RFC 4120 section 3.2.3.
 *
 * @throws GssError GSS_DEFECTIVE_TOKEN or the section's code: KRB_AP_ERR_NOKEY, BADKEYVER, MODIFIED, BAD_INTEGRITY,
 *   BADMATCH, SKEW, REPEAT, TKT_NYV, TKT_EXPIRED, NOT_US
 */
export function acceptApReq(message: Uint8Array, options: AcceptApReqOptions): AcceptedApReq {
  const request = decoding("AP-REQ", () => ApReq.decode(message));
  if (request.pvno !== 5 || request.msgType !== MsgType.apReq) {
    throw new GssError("KRB_AP_ERR_BADVERSION", "not an AP-REQ of Kerberos 5");
  }
  if ((request.apOptions & ApOptions.useSessionKey) !== 0) {
    throw new GssError("KRB_AP_ERR_NO_TGT", "user-to-user authentication is not offered here");
  }
  const now = options.clock.now();
  const { bytes: ticketBytes, key: serviceKey } = openTicket(request.ticket, options);
  const encTicketPart = decoding("EncTicketPart", () => EncTicketPart.decode(ticketBytes));
  const authenticator = openAuthenticator(request, encTicketPart.key);
  const client = toPrincipal(encTicketPart.crealm, encTicketPart.cname);
  // Impacket writes the realm as its user typed it; AD does not mind the case of its letters either.
  const sameRealm = authenticator.crealm.toUpperCase() === client.realm.toUpperCase();
  if (!sameRealm || !samePrincipal(client, toPrincipal(client.realm, authenticator.cname))) {
    throw new GssError("KRB_AP_ERR_BADMATCH", "the authenticator and the ticket name different clients");
  }
  const time = authenticator.ctime + Math.floor(authenticator.cusec / 1000);
  checkTimes(encTicketPart, time, now, options.clockSkew);
  if (!options.replayCache.note(request.authenticator.cipher, time, now)) {
    throw new GssError("KRB_AP_ERR_REPEAT", "this authenticator was used before: a replay");
  }
  const server = toPrincipal(request.ticket.realm, request.ticket.sname);
  return { request, encTicketPart, ticketBytes, authenticator, client, server, serviceKey };
}

function openAuthenticator(request: ApReq, sessionKey: EncryptionKey): Authenticator {
  let bytes: Uint8Array;
  try {
    bytes = decrypt(sessionKey, KeyUsage.apReqAuthenticator, request.authenticator.cipher);
  } catch (cause) {
    if (!(cause instanceof KerberosError)) throw cause;
    throw new GssError(cause.code, "the authenticator does not open with the ticket's session key", {
      cause,
    });
  }
  return decoding("Authenticator", () => Authenticator.decode(bytes));
}

function checkTimes(part: EncTicketPart, client: EpochMs, now: EpochMs, clockSkew: number): void {
  if (Math.abs(client - now) > clockSkew) {
    const seconds = Math.round((client - now) / 1000);
    throw new GssError("KRB_AP_ERR_SKEW", `the client's clock is ${seconds} s off`, {
      facts: { client, now, clockSkew },
      remedy: "Set the clock of the client or of this host; domain members must agree within five minutes.",
    });
  }
  const start = part.starttime ?? part.authtime;
  if (start > now + clockSkew || (part.flags & TicketFlags.invalid) !== 0) {
    throw new GssError("KRB_AP_ERR_TKT_NYV", "the ticket is not valid yet", { facts: { start, now } });
  }
  if (part.endtime < now - clockSkew) {
    throw new GssError("KRB_AP_ERR_TKT_EXPIRED", "the ticket has expired", {
      facts: { end: part.endtime, now },
      remedy: "Log in again or renew the ticket.",
    });
  }
}
