import type { Account } from "@waybill/directory";
import {
  AuthorizationData,
  type AuthorizationDataElement,
  ChecksumType,
  decrypt,
  type EncryptionKey,
  KdcOptions,
  type KdcReqBody,
  KeyUsage,
  MsgType,
  type PaData,
  PaType,
  TgsReq,
  verifyChecksum,
} from "@waybill/kerberos";
import { foreignClientLimit } from "../policy/index.ts";
import { type OpenedApRequest, openApRequest } from "./ap-request.ts";
import type { Conversation } from "./conversation.ts";
import { armorKeyOf, type FastState, openFast } from "./fast.ts";
import type { KdcContext } from "./kdc-context.ts";
import { isOwnRealm, nameText } from "./names.ts";
import { padataOf } from "./padata.ts";
import { granted, KdcRefusal } from "./refusal.ts";
import { clientOfTicket } from "./ticket-client.ts";
import { anyHolder, ticketGrantingHolder } from "./ticket-holder.ts";
import { type OpenedTicket, withoutPac } from "./ticket-pac.ts";

/** A TGS-REQ whose sender is known. */
export interface OpenedTgsRequest {
  readonly body: KdcReqBody;
  readonly padata: readonly PaData[];
  readonly fast: FastState | undefined;
  /** The ticket shown: a ticket-granting one, or any that is to be renewed or validated. What its PAC may not claim is gone. */
  readonly tgt: OpenedTicket;
  readonly ap: OpenedApRequest;
  /** The account that the ticket was issued to; `undefined`: a client of another realm. */
  readonly requester: Account | undefined;
  readonly sessionKey: EncryptionKey;
  readonly subkey: EncryptionKey | undefined;
  /** Authorization data the client wants in the ticket. */
  readonly wished: readonly AuthorizationDataElement[];
}

/**
 * Opens a TGS-REQ: RFC 4120 section 3.3.2, RFC 6113 section 5.4. Checks everything that does not depend on what is
 * asked for.
 */
export function openTgsRequest(
  request: Uint8Array,
  conversation: Conversation,
  context: KdcContext,
): OpenedTgsRequest {
  const message = TgsReq.decode(request);
  const outer = message.reqBody;
  conversation.nonce = outer.value.nonce;
  conversation.sname = outer.value.sname;
  if (message.pvno !== 5 || message.msgType !== MsgType.tgsReq) {
    throw new KdcRefusal("KRB_AP_ERR_MSG_TYPE", "not a TGS-REQ of Kerberos 5", { reason: "message-type" });
  }
  const apBytes = padataOf(message.padata, PaType.tgsReq);
  if (apBytes === undefined) {
    throw new KdcRefusal("KDC_ERR_PADATA_TYPE_NOSUPP", "the request shows no ticket-granting ticket", {
      reason: "no-tgt",
    });
  }
  const ap = openApRequest(apBytes, context, {
    usage: KeyUsage.tgsReqAuthenticator,
    allowInvalid: (outer.value.kdcOptions & KdcOptions.validate) !== 0,
    holderOf: isRenewal(outer.value) ? anyHolder : ticketGrantingHolder,
  });
  const { authenticator, ticket, holder } = ap;
  const sessionKey = ticket.part.key;
  const { subkey } = authenticator;
  conversation.facts.client = nameText(ticket.part.cname);
  if (holder.kind === "trust") conversation.facts.clientRealm = ticket.part.crealm;
  checkBodyChecksum(ap, outer.bytes, context);

  const opened = context.settings.fast
    ? openFast({
        padata: message.padata ?? [],
        covered: apBytes,
        implicitArmorKey:
          subkey === undefined ? undefined : (): EncryptionKey => armorKeyOf(subkey, sessionKey),
        openArmor: () => {
          throw new KdcRefusal("KDC_ERR_PREAUTH_FAILED", "armor in a TGS-REQ is implicit", {
            reason: "fast-armor-type",
          });
        },
      })
    : undefined;
  conversation.fast = opened?.state;
  const body = opened?.body ?? outer.value;
  const padata = opened?.padata ?? message.padata ?? [];
  conversation.nonce = body.nonce;
  conversation.sname = body.sname;
  conversation.pacOptions = padataOf(padata, PaType.pacOptions);
  conversation.facts.service = nameText(body.sname);
  if (!isOwnRealm(context.directory, body.realm)) {
    throw new KdcRefusal("KDC_ERR_WRONG_REALM", `this is not the KDC of ${body.realm}`, {
      reason: "wrong-realm",
    });
  }
  if (holder.kind === "service" && !isRenewal(body)) {
    throw new KdcRefusal("KRB_AP_ERR_NOT_US", "a service's ticket is only good for its own renewal", {
      reason: "ticket-of-another-service",
    });
  }
  const { account: requester, ticket: tgt } = clientOfTicket(ap, context);
  const wished = wishedData(body, sessionKey, subkey);
  return { body, padata, fast: opened?.state, tgt, ap, requester, sessionKey, subkey, wished };
}

/** RENEW and VALIDATE, the two requests that any ticket may be shown for. */
export function isRenewal(body: KdcReqBody): boolean {
  return (body.kdcOptions & (KdcOptions.renew | KdcOptions.validate)) !== 0;
}

function checkBodyChecksum(ap: OpenedApRequest, body: Uint8Array, context: KdcContext): void {
  const { cksum } = ap.authenticator;
  if (cksum === undefined) {
    if (!context.settings.requireBodyChecksum) return;
    throw inappropriate("the authenticator does not cover the request");
  }
  const key = ap.ticket.part.key;
  if (verifyChecksum(key, KeyUsage.tgsReqAuthenticatorChecksum, body, cksum)) return;
  if (unkeyed.has(cksum.cksumtype)) throw inappropriate("the request is covered by a checksum without a key");
  throw new KdcRefusal("KRB_AP_ERR_MODIFIED", "the request was changed after the client made it", {
    reason: "body-checksum",
  });
}

const unkeyed: ReadonlySet<number> = new Set([
  ChecksumType.none,
  ChecksumType.crc32,
  ChecksumType.rsaMd4,
  ChecksumType.rsaMd5,
]);

function inappropriate(message: string): KdcRefusal {
  return new KdcRefusal("KRB_AP_ERR_INAPP_CKSUM", message, { reason: "body-checksum-type" });
}

/** The account of this domain that asks. @throws KdcRefusal for clients of other realms, who act for nobody here */
export function ownRequester(request: OpenedTgsRequest, context: KdcContext): Account {
  const { requester, tgt } = request;
  if (requester !== undefined) return requester;
  const client = `${nameText(tgt.part.cname)}@${tgt.part.crealm}`;
  return granted(foreignClientLimit("act-for-others", client, context.profile));
}

/** enc-authorization-data: RFC 4120 section 5.4.1. A PAC in it would be the client's own invention. */
function wishedData(
  body: KdcReqBody,
  sessionKey: EncryptionKey,
  subkey: EncryptionKey | undefined,
): readonly AuthorizationDataElement[] {
  const sealed = body.encAuthorizationData;
  if (sealed === undefined) return [];
  const plain =
    subkey === undefined
      ? decrypt(sessionKey, KeyUsage.tgsReqAuthDataSessionKey, sealed.cipher)
      : decrypt(subkey, KeyUsage.tgsReqAuthDataSubkey, sealed.cipher);
  return withoutPac(AuthorizationData.decode(plain));
}
