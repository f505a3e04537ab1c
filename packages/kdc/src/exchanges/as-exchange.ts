import { type EpochMs, fromUtf8 } from "@waybill/base";
import { type Account, hasFlag } from "@waybill/directory";
import {
  AsRep,
  AsReq,
  EncAsRepPart,
  type EncryptionKey,
  encrypt,
  FastOptions,
  KdcOptions,
  type KdcReqBody,
  KeyUsage,
  type MethodData,
  MsgType,
  NameType,
  PacAttributeFlags,
  type PaData,
  PaPacRequest,
  PaType,
  type PrincipalName,
  randomKey,
  TicketFlags,
} from "@waybill/kerberos";
import { asClientDecision, asTicketFlags, subjectOf, tgtLifetimes } from "../policy/index.ts";
import { advertisedBits, clientKeys, krbtgtKey, serviceKeys } from "./account-keys.ts";
import { openArmorRequest } from "./ap-request.ts";
import type { Conversation } from "./conversation.ts";
import { encryptedPadata } from "./encrypted-padata.ts";
import { openFast, sealFastReply } from "./fast.ts";
import type { KdcContext } from "./kdc-context.ts";
import { findClient, findService, isOwnRealm, nameText, ticketGrantingName } from "./names.ts";
import { padataOf } from "./padata.ts";
import { etypeInfo2, preAuthenticate } from "./pre-authentication.ts";
import { granted, KdcRefusal } from "./refusal.ts";
import { sealTicket } from "./seal-ticket.ts";
import { ticketTimes, wholeSeconds } from "./ticket-times.ts";

const anonymousName: PrincipalName = { nameType: NameType.wellKnown, nameString: ["WELLKNOWN", "ANONYMOUS"] };
const anonymousRealm = "WELLKNOWN:ANONYMOUS";

/**
 * The AS exchange: RFC 4120 section 3.1, RFC 6113, RFC 6806, MS-KILE section 3.3.5.6.
 *
 *     client                                        KDC
 *       AS-REQ (name)                          ──►
 *                                              ◄──  KRB-ERROR PREAUTH_REQUIRED (salt, ways to pre-authenticate)
 *       AS-REQ (encrypted timestamp, or
 *               an encrypted challenge in FAST) ──►
 *                                              ◄──  AS-REP (ticket-granting ticket with a PAC)
 *
 * @throws KdcRefusal
 */
export function answerAs(request: Uint8Array, conversation: Conversation, services: KdcContext): Uint8Array {
  const { directory, random } = services;
  const now = services.clock.now();
  const message = AsReq.decode(request);
  if (message.pvno !== 5 || message.msgType !== MsgType.asReq) {
    throw new KdcRefusal("KRB_AP_ERR_MSG_TYPE", "not an AS-REQ of Kerberos 5", { reason: "message-type" });
  }
  conversation.nonce = message.reqBody.value.nonce;
  conversation.sname = message.reqBody.value.sname;
  const opened = services.settings.fast
    ? openFast({
        padata: message.padata ?? [],
        covered: message.reqBody.bytes,
        openArmor: (armor) => openArmorRequest(armor, services),
      })
    : undefined;
  conversation.fast = opened?.state;
  const body = opened?.body ?? message.reqBody.value;
  const padata = opened?.padata ?? message.padata ?? [];
  conversation.nonce = body.nonce;
  conversation.sname = body.sname;
  const cname = body.cname;
  const sname = body.sname;
  Object.assign(conversation.facts, { client: nameText(cname), service: nameText(sname) });

  if (!isOwnRealm(directory, body.realm)) {
    throw new KdcRefusal("KDC_ERR_WRONG_REALM", `this is not the KDC of ${body.realm}`, {
      reason: "wrong-realm",
    });
  }
  if (cname === undefined || sname === undefined) {
    throw new KdcRefusal("KDC_ERR_C_PRINCIPAL_UNKNOWN", "the request names no client or no service", {
      reason: "no-name",
    });
  }
  const client = findClient(directory, cname, body.realm);
  if (client === undefined || client === directory.krbtgt || client.kind === "trust") {
    throw new KdcRefusal("KDC_ERR_C_PRINCIPAL_UNKNOWN", `no account is called ${nameText(cname)}`, {
      reason: "client-unknown",
    });
  }
  const service = findService(directory, sname, body.realm);
  const { domain, krbtgt } = directory;
  const { profile } = services;
  const standing = { account: client, domain, now, profile, workstation: workstationOf(body) };
  granted(asClientDecision(standing, true));
  const subject = subjectOf(directory, client);
  const keys = clientKeys(services, subject, body.etype);
  const proof = preAuthenticate({ account: client, padata, fast: opened?.state, keys, now }, services);
  granted(asClientDecision(standing, service.kind === "password-change"));
  if (proof.proved && (client.badPasswordCount > 0 || client.lockoutTime !== undefined)) {
    services.accountState?.goodPassword(client, now);
  }

  const options = body.kdcOptions;
  const allowedFlags = granted(
    asTicketFlags({ domain, krbtgt, client: subject, server: service.account, options, profile }),
  ).flags;
  const lifetimes = tgtLifetimes(subject, domain, profile);
  const times = ticketTimes(body, {
    now,
    latestEnd: now + lifetimes.ticket,
    latestRenewTill: now + lifetimes.renewal,
  });
  const sentEncPaRep = padataOf(padata, PaType.reqEncPaRep) !== undefined;
  const canonicalize = (options & KdcOptions.canonicalize) !== 0;
  const issuedName = canonicalize || cname.nameType === NameType.enterprise ? canonicalName(client) : cname;
  const issuedService =
    service.kind === "ticket-granting" && canonicalize ? ticketGrantingName(directory) : service.name;
  const target = serviceKeys(services, service.account, body.etype);
  const sessionKey = randomKey(target.sessionEncType, random);
  const authtime = wholeSeconds(now);
  const flags =
    (TicketFlags.initial |
      times.flags |
      (proof.proved ? TicketFlags.preAuthent : 0) |
      (allowedFlags & ~TicketFlags.renewable) |
      (sentEncPaRep ? TicketFlags.encPaRep : 0)) >>>
    0;
  const ticketGranting = service.kind === "ticket-granting";
  const pacWanted = pacRequest(padata);
  const part = {
    flags,
    key: sessionKey,
    crealm: domain.realm,
    cname: issuedName,
    transited: { trType: 1, contents: new Uint8Array(0) },
    authtime,
    starttime: times.starttime,
    endtime: times.endtime,
    renewTill: times.renewTill,
  };
  const ticket = sealTicket({
    realm: domain.realm,
    sname: issuedService,
    part,
    pac:
      ticketGranting || pacWanted !== false
        ? services.pacs.of(client, "authentication-authority").with({
            clientInfo: { authTime: authtime, name: nameText(issuedName) },
            // Only ticket-granting tickets say who asked: a ticket for a password change cannot pass for one.
            ...(ticketGranting ? { attributes: pacAttributes(pacWanted), requestor: client.sid } : {}),
          })
        : undefined,
    others: [],
    key: target,
    kdcKey: krbtgtKey(services).key,
    ticketGranting,
  });
  Object.assign(conversation.facts, { etype: proof.replyKey.keytype, flags: flags.toString(16) });

  const replyPadata: PaData[] = [...proof.padata];
  let replyKey: EncryptionKey = proof.replyKey;
  let outerPadata: MethodData | undefined;
  if (opened === undefined) outerPadata = [etypeInfo2([proof.replyKey])];
  else {
    const sealed = sealFastReply({
      state: opened.state,
      padata: replyPadata,
      nonce: body.nonce,
      replyKey,
      crealm: domain.realm,
      cname: issuedName,
      ticket,
      now,
      random,
    });
    outerPadata = [sealed.padata];
    replyKey = sealed.replyKey;
  }
  const hidden = opened !== undefined && (opened.state.options & FastOptions.hideClientNames) !== 0;
  const encPart = EncAsRepPart.encode({
    key: sessionKey,
    lastReq: [{ lrType: 0, lrValue: authtime }],
    nonce: body.nonce,
    keyExpiration: keyExpiration(client, services),
    flags,
    authtime,
    starttime: times.starttime,
    endtime: times.endtime,
    renewTill: times.renewTill,
    srealm: domain.realm,
    sname: issuedService,
    encryptedPaData: encryptedPadata(
      {
        coveredRequest: sentEncPaRep ? request : undefined,
        padata,
        canonicalize,
        supported: advertisedBits(services, service.account),
      },
      replyKey,
    ),
  });
  return AsRep.encode({
    pvno: 5,
    msgType: MsgType.asRep,
    padata: outerPadata,
    crealm: hidden ? anonymousRealm : domain.realm,
    cname: hidden ? anonymousName : issuedName,
    ticket,
    encPart: {
      etype: replyKey.keytype,
      kvno: client.kvno,
      cipher: encrypt(replyKey, KeyUsage.asRepEncPart, encPart),
    },
  });
}

/** The client's own name among its addresses, padded with spaces: RFC 4120 section 7.5.3. */
function workstationOf({ addresses }: KdcReqBody): string {
  const named = addresses?.find(({ addrType }) => addrType === netBiosAddress);
  return named === undefined ? "" : fromUtf8(named.address).replace(/[\0 ]+$/, "");
}

const netBiosAddress = 20;

function pacAttributes(wanted: boolean | undefined): number {
  if (wanted === undefined) return PacAttributeFlags.givenImplicitly;
  return wanted ? PacAttributeFlags.requested : 0;
}

/** The account's own name: RFC 6806 section 6, MS-KILE section 3.3.5.6.1. */
export function canonicalName(account: Account): PrincipalName {
  return { nameType: NameType.principal, nameString: [account.samAccountName] };
}

/** KERB-PA-PAC-REQUEST; `undefined` when the client said nothing. */
export function pacRequest(padata: readonly PaData[]): boolean | undefined {
  const value = padataOf(padata, PaType.pacRequest);
  return value === undefined ? undefined : PaPacRequest.decode(value).includePac;
}

const never: EpochMs = Date.UTC(2037, 8, 14, 2, 48, 5);

function keyExpiration(client: Account, services: KdcContext): EpochMs {
  const { maxAge } = services.directory.domain.passwords;
  const { passwordLastSet } = client;
  if (maxAge === undefined || passwordLastSet === undefined) return never;
  if (hasFlag(client.userAccountControl, "dontExpirePassword") || client.kind !== "user") return never;
  return wholeSeconds(passwordLastSet + maxAge);
}
