import type { EpochMs } from "@waybill/base";
import {
  ApReq,
  Authenticator,
  decrypt,
  type EncryptionKey,
  KeyUsage,
  MsgType,
  type Ticket,
  TicketFlags,
} from "@waybill/kerberos";
import { findKey, type KeyHolder } from "./account-keys.ts";
import { armorKeyOf } from "./fast.ts";
import type { KdcContext } from "./kdc-context.ts";
import { nameText } from "./names.ts";
import { KdcRefusal } from "./refusal.ts";
import { type FindHolder, type TicketHolder, ticketGrantingHolder } from "./ticket-holder.ts";
import type { OpenedTicket } from "./ticket-pac.ts";

/** An AP-REQ made with a ticket whose key this KDC has. */
export interface OpenedApRequest {
  readonly ticket: OpenedTicket;
  /** Whose key it was, and so what the ticket is good for. */
  readonly holder: TicketHolder;
  readonly authenticator: Authenticator;
  /** Ciphertext of the authenticator, for the replay cache. */
  readonly cipher: Uint8Array;
}

export interface OpenApOptions {
  /** Key usage of the authenticator: 7 in a TGS-REQ, 11 elsewhere. */
  readonly usage: number;
  /** Lets tickets through that are not valid yet: for validation. */
  readonly allowInvalid?: boolean;
  /** Which tickets are taken; ticket-granting ones by default. */
  readonly holderOf?: FindHolder;
}

/**
 * Opens an AP-REQ to the KDC: RFC 4120 section 3.2.3 as far as it holds without addresses.
 *
 * @throws KdcRefusal KRB_AP_ERR_…
 */
export function openApRequest(
  bytes: Uint8Array,
  context: KdcContext,
  options: OpenApOptions,
): OpenedApRequest {
  const message = ApReq.decode(bytes);
  if (message.pvno !== 5 || message.msgType !== MsgType.apReq) {
    throw new KdcRefusal("KRB_AP_ERR_MSG_TYPE", "not an AP-REQ of Kerberos 5", { reason: "message-type" });
  }
  const shown = message.ticket;
  const holder = (options.holderOf ?? ticketGrantingHolder)(shown, context);
  if (holder === undefined) {
    throw new KdcRefusal("KRB_AP_ERR_NOT_US", `the ticket is for ${nameText(shown.sname)}@${shown.realm}`, {
      reason: "ticket-of-another-service",
      facts: { ticketService: nameText(shown.sname), ticketRealm: shown.realm },
    });
  }
  const ticket = openTicket(shown, holder, context);
  checkTicketTimes(ticket, context, options.allowInvalid === true);
  const sessionKey = ticket.part.key;
  const authenticator = Authenticator.decode(
    decrypt(sessionKey, options.usage, message.authenticator.cipher),
  );
  const { part } = ticket;
  if (authenticator.crealm !== part.crealm || nameText(authenticator.cname) !== nameText(part.cname)) {
    throw new KdcRefusal("KRB_AP_ERR_BADMATCH", "ticket and authenticator name different clients", {
      reason: "authenticator-of-another-client",
    });
  }
  const skew = authenticator.ctime - context.clock.now();
  if (Math.abs(skew) > context.directory.domain.tickets.maxClockSkew) {
    throw new KdcRefusal("KRB_AP_ERR_SKEW", "the client's clock differs too much", {
      reason: "clock-skew",
      facts: { skewSeconds: Math.round(skew / 1000) },
    });
  }
  return { ticket, holder, authenticator, cipher: message.authenticator.cipher };
}

/** Decrypts a ticket with a key of the one it must have been issued to. */
export function openTicket(ticket: Ticket, holder: KeyHolder, context: KdcContext): OpenedTicket {
  const { etype, kvno, cipher } = ticket.encPart;
  const found = findKey(holder, etype, kvno) ?? findKey(holder, etype, undefined);
  if (found === undefined) {
    throw new KdcRefusal("KRB_AP_ERR_BADKEYVER", "the ticket is encrypted in a key that is no longer there", {
      reason: "ticket-key-unknown",
      facts: { etype, kvno, clock: context.clock.now() },
    });
  }
  const { tickets } = context;
  return (
    tickets.find(cipher, found.key) ??
    tickets.open(cipher, decrypt(found.key, KeyUsage.ticket, cipher), found.key)
  );
}

/** @throws KdcRefusal KRB_AP_ERR_TKT_EXPIRED, KRB_AP_ERR_TKT_NYV */
export function checkTicketTimes(ticket: OpenedTicket, context: KdcContext, allowInvalid = false): void {
  const now: EpochMs = context.clock.now();
  const { maxClockSkew } = context.directory.domain.tickets;
  const { part } = ticket;
  if (part.endtime <= now) {
    throw new KdcRefusal("KRB_AP_ERR_TKT_EXPIRED", "the ticket has expired", { reason: "ticket-expired" });
  }
  const invalid = (part.flags & TicketFlags.invalid) !== 0 && !allowInvalid;
  if (invalid || (part.starttime ?? part.authtime) > now + maxClockSkew) {
    throw new KdcRefusal("KRB_AP_ERR_TKT_NYV", "the ticket is not valid yet", {
      reason: "ticket-not-yet-valid",
    });
  }
}

/** The armor key of an explicit AP-REQ armor: RFC 6113 section 5.4.1.1. The authenticator must carry a subkey. */
export function openArmorRequest(armor: Uint8Array, context: KdcContext): EncryptionKey {
  const { ticket, authenticator } = openApRequest(armor, context, { usage: KeyUsage.apReqAuthenticator });
  if (authenticator.subkey === undefined) {
    throw new KdcRefusal("KDC_ERR_PREAUTH_FAILED", "the armor's authenticator has no subkey", {
      reason: "fast-armor-without-subkey",
    });
  }
  return armorKeyOf(authenticator.subkey, ticket.part.key);
}
