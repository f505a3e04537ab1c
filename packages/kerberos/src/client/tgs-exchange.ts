import { capture } from "@waybill/asn1";
import type { EpochMs } from "@waybill/base";
import { decrypt, randomKey } from "../crypto/index.ts";
import { type Explanation, KerberosError } from "../errors.ts";
import type { EncryptionKey, PaData } from "../messages/basic.ts";
import type { KrbError } from "../messages/error.ts";
import { AnyEncKdcRepPart, type EncKdcRepPart, type KdcRep, TgsRep } from "../messages/kdc-rep.ts";
import { KdcReqBody, TgsReq } from "../messages/kdc-req.ts";
import type { Ticket } from "../messages/ticket.ts";
import { type Principal, samePrincipal, toPrincipal, toPrincipalName } from "../principal.ts";
import { KeyUsage } from "../registry/key-usage.ts";
import { MsgType } from "../registry/msg-type.ts";
import { PaType } from "../registry/pa-type.ts";
import { kdcApReq } from "./authenticator.ts";
import type { ExchangeContext } from "./context.ts";
import { type Credential, type CredentialOrigin, grantingRealm } from "./credential.ts";
import type { Exchange } from "./exchange.ts";
import { readKrbError, toKerberosError } from "./krb-error.ts";
import { checkReply, modified, toCredential } from "./reply-checks.ts";
import { shown } from "./shown.ts";
import { trace } from "./trace.ts";

/** One TGS-REQ to one realm. */
export interface TgsRequest {
  /** The ticket that is presented: a ticket-granting ticket of the realm asked, or the ticket to renew. */
  readonly tgt: Credential;
  readonly server: Principal;
  /** The realm whose KDC is asked. Default: the ticket's own. */
  readonly realm?: string | undefined;
  /** `KdcOptions` */
  readonly kdcOptions: number;
  readonly etypes?: readonly number[] | undefined;
  readonly till?: EpochMs | undefined;
  readonly rtime?: EpochMs | undefined;
  readonly additionalTickets?: Ticket[] | undefined;
  /** Padata beside the AP-REQ, made with the keys and the nonce of this request. */
  readonly padata?: ((keys: TgsKeys) => PaData[]) | undefined;
  /** Whose ticket the reply must hold. Default: the presenting client's. */
  readonly subject?: ((reply: TgsReply, keys: TgsKeys) => void) | undefined;
  readonly origin?: CredentialOrigin | undefined;
  readonly what?: string | undefined;
  readonly explain?: ((error: KrbError, ntStatus: number | undefined) => Explanation | undefined) | undefined;
}

/** What binds a request's padata and its reply together. */
export interface TgsKeys {
  readonly session: EncryptionKey;
  readonly subkey: EncryptionKey;
  readonly nonce: number;
}

/** A KDC's answer to a TGS-REQ, and its part that was sealed for us. */
export interface TgsReply {
  readonly rep: KdcRep;
  readonly enc: EncKdcRepPart;
}

/**
 * One TGS exchange without following referrals: RFC 4120 section 3.3. When the KDC says that the clocks differ, it is
 * asked once more by its own.
 */
export function* tgsExchange(context: ExchangeContext, request: TgsRequest): Exchange<Credential> {
  try {
    return yield* oneTgsExchange(context, request);
  } catch (error) {
    if (!(error instanceof KerberosError)) throw error;
    trace.refused(context.log, error);
    if (error.code !== "KRB_AP_ERR_SKEW" || error.krbError === undefined) throw error;
    const realm = request.realm ?? grantingRealm(request.tgt);
    const offset = context.offset(realm);
    context.learnTime(realm, error.krbError.stime);
    try {
      return yield* oneTgsExchange(context, request);
    } catch (again) {
      context.restoreOffset(realm, offset);
      throw again;
    }
  }
}

function* oneTgsExchange(context: ExchangeContext, request: TgsRequest): Exchange<Credential> {
  const { tgt, server } = request;
  const realm = request.realm ?? grantingRealm(tgt);
  checkUsable(context, tgt, realm);
  const etype = [...(request.etypes ?? context.etypes)];
  const body = capture(KdcReqBody, {
    kdcOptions: request.kdcOptions,
    realm,
    sname: toPrincipalName(server),
    till: request.till ?? tgt.endTime,
    rtime: request.rtime,
    nonce: context.nonce(),
    etype,
    additionalTickets: request.additionalTickets,
  });
  const subkey = randomKey(tgt.key.keytype, context.random);
  const keys = { session: tgt.key, subkey, nonce: body.value.nonce };
  const apReq = kdcApReq(context, tgt, { subkey, tgsBody: body.bytes });
  const padata = [{ padataType: PaType.tgsReq, padataValue: apReq.bytes }, ...(request.padata?.(keys) ?? [])];
  const message = TgsReq.encode({ pvno: 5, msgType: MsgType.tgsReq, padata, reqBody: body });
  const bytes = yield { realm, service: "kdc", message };

  const error = readKrbError(bytes);
  if (error !== undefined) {
    const what = request.what ?? `asking ${realm} for a ticket to ${shown(server)}`;
    throw toKerberosError(error, { what, ...(request.explain && { explain: request.explain }) });
  }
  const rep = TgsRep.decode(bytes);
  const enc = AnyEncKdcRepPart.decode(openReply(rep, keys)).value;
  checkReply(rep, enc, body.value, MsgType.tgsRep, { ...server, realm });
  if (!etype.includes(enc.key.keytype)) {
    throw modified("its session key is of a type that was not asked for", { etype: enc.key.keytype });
  }
  if (request.subject) request.subject({ rep, enc }, keys);
  else checkClient(rep, tgt.client);
  const credential = toCredential(rep, enc, request.origin ?? "TGS");
  trace.ticket(context.log, credential);
  return credential;
}

/** The reply must be about this client; anything else would be another person's ticket. */
export function checkClient(rep: KdcRep, expected: Principal): void {
  const got = toPrincipal(rep.crealm, rep.cname);
  if (!samePrincipal(got, expected)) {
    throw modified("the ticket is for another client", { asked: shown(expected), got: shown(got) });
  }
}

function openReply(rep: KdcRep, { subkey, session }: TgsKeys): Uint8Array {
  const { cipher } = rep.encPart;
  try {
    return decrypt(subkey, KeyUsage.tgsRepEncPartSubkey, cipher);
  } catch (cause) {
    if (!(cause instanceof KerberosError)) throw cause;
  }
  // Some KDCs leave the subkey aside.
  return decrypt(session, KeyUsage.tgsRepEncPartSessionKey, cipher);
}

function checkUsable(context: ExchangeContext, tgt: Credential, realm: string): void {
  if (tgt.endTime > context.now(realm)) return;
  throw new KerberosError(`the ticket of ${shown(tgt.client)} for ${shown(tgt.server)} has expired`, {
    code: "TICKET_EXPIRED",
    family: "caller",
    facts: {
      client: shown(tgt.client),
      server: shown(tgt.server),
      endTime: new Date(tgt.endTime).toISOString(),
    },
    remedy: "Log in again.",
  });
}
