import { type Captured, capture } from "@waybill/asn1";
import { type EpochMs, emptyBytes, equalSecrets } from "@waybill/base";
import { cfx2, decrypt } from "../crypto/index.ts";
import { KerberosError } from "../errors.ts";
import type { EncryptionKey, PaData } from "../messages/basic.ts";
import type { KrbError } from "../messages/error.ts";
import { AnyEncKdcRepPart, AsRep, type KdcRep } from "../messages/kdc-rep.ts";
import { AsReq, KdcReqBody } from "../messages/kdc-req.ts";
import {
  type Principal,
  samePrincipal,
  ticketGrantingService,
  toPrincipal,
  toPrincipalName,
} from "../principal.ts";
import { ErrorCode } from "../registry/error-code.ts";
import { KdcOptions } from "../registry/flags.ts";
import { KeyUsage } from "../registry/key-usage.ts";
import { MsgType } from "../registry/msg-type.ts";
import { NameType } from "../registry/name-type.ts";
import { PaType } from "../registry/pa-type.ts";
import { ClientKeys, type KeyHint, keyHints } from "./client-keys.ts";
import type { ExchangeContext } from "./context.ts";
import type { Credential } from "./credential.ts";
import type { Exchange } from "./exchange.ts";
import { explainLogin } from "./explain-login.ts";
import { type ArmoredReply, FastArmor } from "./fast-armor.ts";
import { methodData, readKrbError, toKerberosError } from "./krb-error.ts";
import type { LoginRequest } from "./login-request.ts";
import { encryptedChallenge, encTimestamp, pacRequest, verifyKdcChallenge } from "./preauth.ts";
import { checkReply, modified, toCredential } from "./reply-checks.ts";
import { checkRequestUnchanged } from "./request-proof.ts";
import { shown } from "./shown.ts";
import { trace } from "./trace.ts";

const maxRounds = 8;
/** A moment every implementation can hold: what AD's own clients ask for when they want all they can get. */
const farFuture: EpochMs = Date.UTC(2037, 8, 13, 2, 48, 5);

/**
 * The AS exchange: RFC 4120 section 3.1, with the KDC choosing how the client proves itself. After a first login the
 * client remembers the choice and leaves out the first round.
 *
 * ```mermaid
 * sequenceDiagram
 *   client->>KDC: AS-REQ
 *   KDC->>client: PREAUTH_REQUIRED (key types and salts, what it accepts)
 *   client->>KDC: AS-REQ with an encrypted timestamp or, under FAST, an encrypted challenge
 *   KDC->>client: AS-REP
 * ```
 */
export function* asExchange(context: ExchangeContext, request: LoginRequest): Exchange<Credential> {
  return yield* new Login(context, request).run();
}

class Login {
  readonly #context: ExchangeContext;
  readonly #request: LoginRequest;
  readonly #keys: ClientKeys;
  readonly #canonicalize: boolean;
  readonly #armor: FastArmor | undefined;
  #realm: string;
  #preauth: PaData[] = [];
  #cookie: PaData[] = [];
  #key: EncryptionKey | undefined;
  #skewCorrected = false;
  /** The KDC's choice: an encrypted challenge instead of an encrypted timestamp. */
  #challenge = false;
  #hint: KeyHint | undefined;
  /** A proof made from memory that the KDC did not like, and what it said. */
  #disliked: { readonly key: EncryptionKey; readonly error: KerberosError } | undefined;
  #fromMemory = false;

  constructor(context: ExchangeContext, request: LoginRequest) {
    this.#context = context;
    this.#request = request;
    this.#realm = request.principal.realm;
    this.#keys = new ClientKeys(request.principal, request);
    this.#canonicalize = request.canonicalize ?? request.principal.nameType === NameType.enterprise;
    this.#armor = request.armor && new FastArmor(context, request.armor);
  }

  *run(): Exchange<Credential> {
    const { realm } = this.#request.principal;
    const offset = this.#context.offset(realm);
    try {
      return yield* this.#rounds();
    } catch (error) {
      // Errors are not authentic: whoever sent them must not set our clock for good.
      if (this.#context.offset(realm) !== offset) this.#context.restoreOffset(realm, offset);
      throw error;
    }
  }

  *#rounds(): Exchange<Credential> {
    this.#proveFromMemory();
    for (let round = 0; round < maxRounds; round++) {
      const body = this.#body();
      const message = this.#message(body);
      const reply = yield { realm: this.#realm, service: "kdc", message };
      const error = readKrbError(reply);
      if (error === undefined) return this.#finish(AsRep.decode(reply), body.value, message);
      this.#answer(error);
    }
    throw new KerberosError(
      `logging in as ${shown(this.#request.principal)} did not end after ${maxRounds} rounds`,
      {
        code: "TOO_MANY_ROUNDS",
      },
    );
  }

  #server(): Principal {
    return this.#request.server ?? ticketGrantingService(this.#realm);
  }

  #body(): Captured<KdcReqBody> {
    const { principal, lifetime, renewableLifetime, forwardable, proxiable, etypes } = this.#request;
    const now = this.#context.now(this.#realm);
    let kdcOptions = 0;
    if (forwardable ?? true) kdcOptions |= KdcOptions.forwardable;
    if (proxiable) kdcOptions |= KdcOptions.proxiable;
    if (this.#canonicalize) kdcOptions |= KdcOptions.canonicalize;
    if (renewableLifetime !== undefined) kdcOptions |= KdcOptions.renewable;
    return capture(KdcReqBody, {
      kdcOptions,
      cname: toPrincipalName(principal),
      realm: this.#realm,
      sname: toPrincipalName(this.#server()),
      till: lifetime === undefined ? farFuture : wholeSeconds(now + lifetime),
      rtime: renewableLifetime === undefined ? undefined : wholeSeconds(now + renewableLifetime),
      nonce: this.#context.nonce(),
      etype: [...this.#keys.order(etypes ?? this.#context.etypes)],
    });
  }

  #message(body: Captured<KdcReqBody>): Uint8Array {
    const padata = [
      ...this.#cookie,
      ...this.#preauth,
      { padataType: PaType.reqEncPaRep, padataValue: emptyBytes },
    ];
    if (this.#request.pac !== undefined) padata.push(pacRequest(this.#request.pac));
    const outer = this.#armor === undefined ? padata : [this.#armor.wrap(padata, body)];
    return AsReq.encode({ pvno: 5, msgType: MsgType.asReq, padata: outer, reqBody: body });
  }

  /** Prepares the next round, or gives up. */
  #answer(outer: KrbError): void {
    const opened = this.#armor?.openError(outer);
    const error = opened?.error ?? outer;
    const trusted = this.#armor === undefined || opened !== undefined;
    const padata = opened?.padata ?? methodData(outer);
    if (this.#fromMemory && this.#key !== undefined && error.errorCode !== ErrorCode.KRB_AP_ERR_SKEW) {
      this.#startOver(this.#key, error);
      return;
    }
    if (trusted && error.errorCode === ErrorCode.KDC_ERR_PREAUTH_REQUIRED && this.#preauth.length === 0) {
      this.#prove(error, padata);
      return;
    }
    if (trusted && error.errorCode === ErrorCode.KRB_AP_ERR_SKEW && !this.#skewCorrected) {
      this.#skewCorrected = true;
      this.#context.learnTime(this.#realm, error.stime);
      if (this.#preauth.length > 0) this.#proveAgain();
      return;
    }
    if (error.errorCode === ErrorCode.KDC_ERR_WRONG_REALM && this.#canonicalize && this.#refer(error)) return;
    throw this.#refusal(error);
  }

  #refusal(error: KrbError): KerberosError {
    return toKerberosError(error, {
      what: `logging in as ${shown(this.#request.principal)} at ${this.#realm}`,
      explain: () => explainLogin(error, this.#request.principal),
    });
  }

  /** Saves the round that asks what the KDC wants, when it said so at the last login. */
  #proveFromMemory(): void {
    const { principal, etypes } = this.#request;
    const hint = this.#armor === undefined ? this.#context.keyHints.recall(principal) : undefined;
    if (hint === undefined || !this.#keys.has(hint.etype)) return;
    if (!(etypes ?? this.#context.etypes).includes(hint.etype)) return;
    this.#hint = hint;
    this.#key = this.#keys.key(hint);
    this.#fromMemory = true;
    this.#proveAgain();
  }

  /** Asks what the KDC wants after all: the account may have another salt or type of key now. */
  #startOver(key: EncryptionKey, error: KrbError): void {
    this.#disliked = { key, error: this.#refusal(error) };
    this.#context.keyHints.forget(this.#request.principal);
    this.#fromMemory = false;
    this.#preauth = [];
  }

  #prove(error: KrbError, padata: readonly PaData[]): void {
    const hints = keyHints(padata);
    this.#cookie = padata.filter((pa) => pa.padataType === PaType.fxCookie);
    this.#key = this.#chooseKey(hints);
    // The same proof again would only count as one more wrong password.
    if (this.#disliked !== undefined && equalSecrets(this.#disliked.key.keyvalue, this.#key.keyvalue)) {
      throw this.#disliked.error;
    }
    // The KDC's clock counts in what follows; it has just said what it shows.
    this.#context.learnTime(this.#realm, error.stime);
    const offered = padata.map((pa) => pa.padataType);
    const usable = offered.find(
      (type) =>
        type === PaType.encTimestamp || (type === PaType.encryptedChallenge && this.#armor !== undefined),
    );
    if (usable === undefined && offered.length > 0) throw notSupported(offered, error);
    this.#challenge = usable === PaType.encryptedChallenge;
    const proof = this.#challenge ? "challenge" : "timestamp";
    trace.proof(this.#context.log, this.#request.principal, proof, this.#key.keytype);
    this.#proveAgain();
  }

  #proveAgain(): void {
    if (this.#key === undefined) return;
    const stamp = this.#context.stamp(this.#realm);
    this.#preauth =
      this.#challenge && this.#armor
        ? [encryptedChallenge(this.#armor.key, this.#key, stamp)]
        : [encTimestamp(this.#key, stamp)];
  }

  #chooseKey(hints: readonly KeyHint[]): EncryptionKey {
    const allowed = this.#request.etypes ?? this.#context.etypes;
    if (hints.length === 0) {
      const etype = this.#keys.order(allowed).find((candidate) => this.#keys.has(candidate));
      if (etype === undefined) throw this.#keys.noKey(allowed);
      return this.#keys.key({ etype });
    }
    const hint = hints.find(({ etype }) => allowed.includes(etype) && this.#keys.has(etype));
    if (hint === undefined) throw this.#keys.noKey(hints.map(({ etype }) => etype));
    this.#hint = hint;
    return this.#keys.key(hint);
  }

  /** Follows the KDC to the account's own realm: RFC 6806 section 7. */
  #refer(error: KrbError): boolean {
    const { crealm } = error;
    if (crealm === undefined || crealm === this.#realm || this.#armor !== undefined) return false;
    this.#realm = crealm;
    this.#preauth = [];
    this.#cookie = [];
    return true;
  }

  #finish(rep: KdcRep, body: KdcReqBody, message: Uint8Array): Credential {
    const armored = this.#armor?.openReply(rep, body.nonce);
    const replyKey = this.#replyKey(rep, armored);
    const enc = AnyEncKdcRepPart.decode(decrypt(replyKey, KeyUsage.asRepEncPart, rep.encPart.cipher)).value;
    const proven = armored === undefined ? rep : { ...rep, crealm: armored.crealm, cname: armored.cname };
    checkReply(proven, enc, body, MsgType.asRep, this.#server());
    this.#checkClient(proven);
    checkRequestUnchanged(enc, replyKey, message);
    this.#context.learnTime(this.#realm, enc.authtime);
    const credential = toCredential(proven, enc, "AS");
    trace.ticket(this.#context.log, credential);
    if (
      this.#hint !== undefined &&
      this.#armor === undefined &&
      this.#realm === this.#request.principal.realm
    ) {
      this.#context.keyHints.remember(this.#request.principal, this.#hint);
    }
    return credential;
  }

  #replyKey(rep: KdcRep, armored: ArmoredReply | undefined): EncryptionKey {
    const { etype } = rep.encPart;
    if (!(this.#request.etypes ?? this.#context.etypes).includes(etype)) {
      throw modified("it uses an encryption type that was not asked for", { etype });
    }
    const padata = armored?.padata ?? rep.padata ?? [];
    const hint = keyHints(padata).find((candidate) => candidate.etype === etype);
    // A salt in the reply wins: it is there when no pre-authentication told it before.
    const longTerm =
      hint === undefined && this.#key?.keytype === etype ? this.#key : this.#keys.key(hint ?? { etype });
    if (armored === undefined || this.#armor === undefined) return longTerm;
    const challenge = armored.padata.find((pa) => pa.padataType === PaType.encryptedChallenge);
    if (challenge !== undefined) verifyKdcChallenge(this.#armor.key, longTerm, challenge.padataValue);
    return armored.strengthenKey === undefined
      ? longTerm
      : cfx2(armored.strengthenKey, longTerm, "strengthenkey", "replykey");
  }

  #checkClient(rep: KdcRep): void {
    const asked = { ...this.#request.principal, realm: this.#realm };
    const got = toPrincipal(rep.crealm, rep.cname);
    if (samePrincipal(asked, got)) return;
    if (this.#canonicalize && rep.crealm === this.#realm) return;
    throw modified("the ticket is for another client", { asked: shown(asked), got: shown(got) });
  }
}

function notSupported(offered: readonly number[], krbError: KrbError): KerberosError {
  return new KerberosError("the KDC wants a proof of identity that is not a password or key", {
    code: "PREAUTH_NOT_SUPPORTED",
    facts: { offered: offered.join(", ") },
    krbError,
    remedy: "Allow the account to log in with a password or keytab.",
  });
}

function wholeSeconds(time: EpochMs): EpochMs {
  return Math.floor(time / 1000) * 1000;
}
