import type { EpochMs } from "@waybill/base";
import {
  type AuthorizationDataElement,
  type EncryptionKey,
  EncTgsRepPart,
  encrypt,
  KdcOptions,
  KeyUsage,
  MsgType,
  type Pac,
  type PaData,
  type PrincipalName,
  randomKey,
  TgsRep,
} from "@waybill/kerberos";
import { advertisedBits, krbtgtKey, type VersionedKey } from "./account-keys.ts";
import { encryptedPadata } from "./encrypted-padata.ts";
import { sealFastReply } from "./fast.ts";
import type { KdcContext } from "./kdc-context.ts";
import type { FoundService } from "./names.ts";
import { sealTicket } from "./seal-ticket.ts";
import type { OpenedTgsRequest } from "./tgs-request.ts";
import type { TicketTimes } from "./ticket-times.ts";

/** What a TGS-REP is made of, whatever led to it. */
export interface TgsGrant {
  readonly service: FoundService;
  /** The service's name as the ticket and the reply carry it. */
  readonly sname: PrincipalName;
  readonly crealm: string;
  readonly cname: PrincipalName;
  readonly flags: number;
  readonly authtime: EpochMs;
  readonly times: TicketTimes;
  readonly pac: Pac | undefined;
  readonly others: readonly AuthorizationDataElement[];
  /** The service's long-term key, or for user-to-user the session key of its own TGT. */
  readonly ticketKey: VersionedKey | EncryptionKey;
  readonly sessionEncType: number;
  readonly transited: { readonly trType: number; readonly contents: Uint8Array };
  /** For the reply: PA-S4U-X509-USER. */
  readonly padata: readonly PaData[];
}

/** Issues the ticket and encodes the TGS-REP: RFC 4120 section 3.3.3. */
export function encodeTgsReply(grant: TgsGrant, request: OpenedTgsRequest, context: KdcContext): Uint8Array {
  const { realm } = context.directory.domain;
  const { service, times, flags, authtime } = grant;
  const sessionKey = randomKey(grant.sessionEncType, context.random);
  const ticket = sealTicket({
    realm,
    sname: grant.sname,
    part: {
      flags,
      key: sessionKey,
      crealm: grant.crealm,
      cname: grant.cname,
      transited: grant.transited,
      authtime,
      starttime: times.starttime,
      endtime: times.endtime,
      renewTill: times.renewTill,
    },
    pac: grant.pac,
    others: grant.others,
    key: grant.ticketKey,
    kdcKey: krbtgtKey(context).key,
    ticketGranting: service.kind === "ticket-granting" || service.kind === "referral",
  });
  let replyKey = request.subkey ?? request.sessionKey;
  let padata: PaData[] | undefined = grant.padata.length === 0 ? undefined : [...grant.padata];
  if (request.fast !== undefined) {
    const sealed = sealFastReply({
      state: request.fast,
      padata: grant.padata,
      nonce: request.body.nonce,
      replyKey,
      crealm: grant.crealm,
      cname: grant.cname,
      ticket,
      now: context.clock.now(),
      random: context.random,
    });
    padata = [sealed.padata];
    replyKey = sealed.replyKey;
  }
  const encPart = EncTgsRepPart.encode({
    key: sessionKey,
    lastReq: [{ lrType: 0, lrValue: authtime }],
    nonce: request.body.nonce,
    flags,
    authtime,
    starttime: times.starttime,
    endtime: times.endtime,
    renewTill: times.renewTill,
    srealm: realm,
    sname: grant.sname,
    encryptedPaData: encryptedPadata(
      {
        padata: request.padata,
        canonicalize: (request.body.kdcOptions & KdcOptions.canonicalize) !== 0,
        supported: advertisedBits(context, service.account),
      },
      replyKey,
    ),
  });
  const usage =
    request.subkey === undefined ? KeyUsage.tgsRepEncPartSessionKey : KeyUsage.tgsRepEncPartSubkey;
  return TgsRep.encode({
    pvno: 5,
    msgType: MsgType.tgsRep,
    padata,
    crealm: grant.crealm,
    cname: grant.cname,
    ticket,
    encPart: { etype: replyKey.keytype, cipher: encrypt(replyKey, usage, encPart) },
  });
}
