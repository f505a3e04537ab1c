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
  PacType,
  type PaData,
  PaType,
  TgsReq,
  verifyChecksum,
  verifyServerSignature,
} from "@waybill/kerberos";
import {
  requestorDecision,
  serviceTgtDecision,
  serviceTgtSignatureDecision,
  tgsClientDecision,
} from "../policy/index.ts";
import { type OpenedApRequest, openApRequest } from "./ap-request.ts";
import type { Conversation } from "./conversation.ts";
import { armorKeyOf, type FastState, openFast } from "./fast.ts";
import type { KdcContext } from "./kdc-context.ts";
import { findClient, isOwnRealm, nameText } from "./names.ts";
import { tested, worst } from "./pac-signatures.ts";
import { padataOf } from "./padata.ts";
import { granted, KdcRefusal } from "./refusal.ts";
import { type OpenedTicket, withoutPac } from "./ticket-pac.ts";

/** A TGS-REQ whose sender is known. */
export interface OpenedTgsRequest {
  readonly body: KdcReqBody;
  readonly padata: readonly PaData[];
  readonly fast: FastState | undefined;
  readonly tgt: OpenedTicket;
  readonly ap: OpenedApRequest;
  /** The account that the TGT was issued to. */
  readonly requester: Account;
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
  const allowInvalid = (outer.value.kdcOptions & KdcOptions.validate) !== 0;
  const ap = openApRequest(apBytes, context, { usage: KeyUsage.tgsReqAuthenticator, allowInvalid });
  const { authenticator, ticket: tgt } = ap;
  const sessionKey = tgt.part.key;
  const { subkey } = authenticator;
  conversation.facts.client = nameText(tgt.part.cname);
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
  const requester = checkRequester(tgt, context);
  const wished = wishedData(body, sessionKey, subkey);
  return { body, padata, fast: opened?.state, tgt, ap, requester, sessionKey, subkey, wished };
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

/** The PAC is genuine and names the account that the ticket's client name stands for: CVE-2021-42287. */
function checkRequester(tgt: OpenedTicket, context: KdcContext): Account {
  const { directory, profile } = context;
  const { part, pac } = tgt;
  const now = context.clock.now();
  const client = findClient(directory, part.cname, part.crealm);
  if (client === undefined) {
    throw new KdcRefusal("KDC_ERR_TGT_REVOKED", `no account is called ${nameText(part.cname)} any more`, {
      reason: "client-unknown",
    });
  }
  granted(serviceTgtDecision(client, pac === undefined ? "absent" : "present", profile));
  if (pac !== undefined) {
    const signature = tested(() => verifyServerSignature(pac, tgt.key));
    const present = pac.buffer(PacType.kdcChecksum) === undefined ? "missing" : "valid";
    granted(serviceTgtSignatureDecision(client, worst(signature, present), profile));
    granted(requestorDecision(client, pac.requestor, profile));
  }
  granted(
    tgsClientDecision({
      account: client,
      domain: directory.domain,
      now,
      profile,
      tgtAuthTime: part.authtime,
    }),
  );
  return client;
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
