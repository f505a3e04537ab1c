import {
  type Clock,
  type EpochMs,
  type Random,
  randomUint31,
  systemClock,
  systemRandom,
} from "@waybill/base";
import type { Credential } from "../client/credential.ts";
import { ntStatusOf } from "../client/krb-error.ts";
import { decrypt, encrypt } from "../crypto/encrypt.ts";
import { defaultEncTypes } from "../crypto/enctypes.ts";
import { randomKey } from "../crypto/random-key.ts";
import { KerberosError } from "../errors.ts";
import { ApRep, ApReq, Authenticator, EncApRepPart } from "../messages/ap.ts";
import type { EncryptionKey } from "../messages/basic.ts";
import { KrbError } from "../messages/error.ts";
import { toPrincipalName } from "../principal.ts";
import { ChecksumType } from "../registry/checksum-type.ts";
import { ErrorCode, errorCodeName } from "../registry/error-code.ts";
import { ApOptions } from "../registry/flags.ts";
import { KeyUsage } from "../registry/key-usage.ts";
import { MsgType } from "../registry/msg-type.ts";
import { encodeAuthenticatorChecksum } from "./authenticator-checksum.ts";
import { type ChannelBindings, hashChannelBindings } from "./channel-bindings.ts";
import { encodeDelegation } from "./delegation.ts";
import { decoding, defective, enctypeRefused, GssError } from "./gss-error.ts";
import { defaultGssFlags, GssFlags } from "./gss-flags.ts";
import type { Handshake, StepResult } from "./handshake.ts";
import { isKrb5, MechanismOid } from "./mechanism-oid.ts";
import { SecurityContext } from "./security-context.ts";
import { subkeyInForce } from "./subkey-in-force.ts";
import { frameKrb5, isFramed, TokenId, unframeToken } from "./token-frame.ts";

/** How an initiator begins. */
export interface InitiatorOptions {
  /** A ticket for the service. */
  readonly credential: Credential;
  /** `GssFlags` asked for. Default: mutual, replay, sequence, integrity, confidentiality. */
  readonly flags?: number | undefined;
  readonly channelBindings?: ChannelBindings | undefined;
  /** Encryption types the context's keys may be of. Default: AES only; `encTypesWithRc4` allows rc4-hmac too. */
  readonly etypes?: readonly number[] | undefined;
  /** A forwarded ticket-granting ticket to hand to the acceptor; sets the delegate flag. */
  readonly delegate?: Credential | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
}

const remedies: ReadonlyMap<number, string> = new Map([
  [
    ErrorCode.KRB_AP_ERR_SKEW,
    "Set the clock of this machine or of the service; they must agree within five minutes.",
  ],
  [
    ErrorCode.KRB_AP_ERR_MODIFIED,
    "The service could not open the ticket: its name belongs to another account, or its keytab is out of date.",
  ],
  [
    ErrorCode.KRB_AP_ERR_BADKEYVER,
    "Get a new ticket; if that does not help, the service's keytab is out of date.",
  ],
  [ErrorCode.KRB_AP_ERR_NOKEY, "The service's keytab lacks a key of the ticket's encryption type."],
]);

interface Sent {
  readonly ctime: EpochMs;
  readonly cusec: number;
  readonly subkey: EncryptionKey;
  readonly sequence: number;
}

/**
 * The initiator's side of the Kerberos mechanism, RFC 4121 section 4.1.
 *
 * ```mermaid
 * sequenceDiagram
 *   initiator->>acceptor: AP-REQ (authenticator: flags, bindings, subkey, sequence number)
 *   acceptor->>initiator: AP-REP, when mutual
 *   initiator->>acceptor: AP-REP, when DCE style
 * ```
 */
export class Krb5Initiator implements Handshake {
  readonly #options: InitiatorOptions;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #flags: number;
  #sent: Sent | undefined;
  #finished = false;

  constructor(options: InitiatorOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
    const asked = options.flags ?? defaultGssFlags;
    const delegate = options.delegate === undefined ? 0 : GssFlags.delegate;
    // DCE style has its third leg for mutual authentication; MS-KILE 3.4.5.1.
    const mutual = (asked & GssFlags.dceStyle) === 0 ? 0 : GssFlags.mutual;
    this.#flags = ((asked & ~GssFlags.delegate) | delegate | mutual) >>> 0;
  }

  step(token?: Uint8Array): StepResult {
    if (this.#finished)
      throw new GssError("GSS_CONTEXT_COMPLETE", "the context needs no more tokens", { family: "caller" });
    if (this.#sent === undefined) {
      if (token !== undefined && token.length > 0) throw defective("the acceptor speaks first");
      return this.#request();
    }
    if (token === undefined) throw defective("the acceptor's answer is missing");
    const result = this.#reply(token, this.#sent);
    this.#finished = true;
    return result;
  }

  #has(flag: number): boolean {
    return (this.#flags & flag) !== 0;
  }

  #request(): StepResult {
    const { credential, delegate, channelBindings, etypes = defaultEncTypes } = this.#options;
    if (!etypes.includes(credential.key.keytype)) throw enctypeRefused(credential.key.keytype);
    const now = this.#clock.now();
    const subkey = randomKey(credential.key.keytype, this.#random);
    // Thirty bits: some peers hold sequence numbers in signed words.
    const sequence = randomUint31(this.#random) & 0x3fffffff;
    const { ctime, cusec } = this.#time();
    const authenticator = Authenticator.encode({
      authenticatorVno: 5,
      crealm: credential.client.realm,
      cname: toPrincipalName(credential.client),
      cksum: {
        cksumtype: ChecksumType.gssApi,
        checksum: encodeAuthenticatorChecksum({
          bindings: hashChannelBindings(channelBindings),
          flags: this.#flags,
          delegation: delegate === undefined ? undefined : encodeDelegation(delegate, credential.key, now),
        }),
      },
      cusec,
      ctime,
      subkey,
      seqNumber: sequence,
    });
    const message = ApReq.encode({
      pvno: 5,
      msgType: MsgType.apReq,
      apOptions: this.#has(GssFlags.mutual) ? ApOptions.mutualRequired : 0,
      ticket: credential.ticket,
      authenticator: {
        etype: credential.key.keytype,
        cipher: encrypt(credential.key, KeyUsage.apReqAuthenticator, authenticator),
      },
    });
    this.#sent = { ctime, cusec, subkey, sequence };
    if (this.#has(GssFlags.dceStyle)) return { token: message, done: false };
    const token = frameKrb5(TokenId.apReq, message, MechanismOid.krb5);
    if (this.#has(GssFlags.mutual)) return { token, done: false };
    this.#finished = true;
    return { token, done: true, context: this.#establish(this.#sent, sequence, undefined) };
  }

  /** Finer than the clock, so that two contexts in one millisecond differ. */
  #time(): { ctime: EpochMs; cusec: number } {
    const now = this.#clock.now();
    const ctime = Math.floor(now / 1000) * 1000;
    return { ctime, cusec: Math.floor(now - ctime) * 1000 + (randomUint31(this.#random) % 1000) };
  }

  #reply(token: Uint8Array, sent: Sent): StepResult {
    const message = this.#openReply(token);
    const reply = decoding("AP-REP", () => ApRep.decode(message));
    const { key } = this.#options.credential;
    let bytes: Uint8Array;
    try {
      bytes = decrypt(key, KeyUsage.apRepEncPart, reply.encPart.cipher);
    } catch (cause) {
      if (!(cause instanceof KerberosError)) throw cause;
      throw new GssError("KRB_AP_ERR_MUT_FAIL", "the answer was not made by the service the ticket is for", {
        cause,
      });
    }
    const part = decoding("EncAPRepPart", () => EncApRepPart.decode(bytes));
    const dce = this.#has(GssFlags.dceStyle);
    if (part.ctime !== sent.ctime || part.cusec !== sent.cusec) {
      throw new GssError("KRB_AP_ERR_MUT_FAIL", "the acceptor's answer is to another request");
    }
    const { etypes = defaultEncTypes } = this.#options;
    if (part.subkey !== undefined && !etypes.includes(part.subkey.keytype))
      throw enctypeRefused(part.subkey.keytype);
    const acceptorSequence = part.seqNumber ?? 0;
    const context = this.#establish(sent, acceptorSequence, subkeyInForce(part.subkey, dce));
    if (!dce) return { done: true, context };
    const third = EncApRepPart.encode({ ...this.#time(), seqNumber: acceptorSequence });
    const cipher = encrypt(key, KeyUsage.apRepEncPart, third);
    return {
      token: ApRep.encode({ pvno: 5, msgType: MsgType.apRep, encPart: { etype: key.keytype, cipher } }),
      done: true,
      context,
    };
  }

  #openReply(token: Uint8Array): Uint8Array {
    // KRB-ERROR comes with and without a frame.
    if (!isFramed(token)) {
      if (token[0] === 0x7e) throw this.#refused(token);
      if (!this.#has(GssFlags.dceStyle)) throw defective("the answer is no Kerberos context token");
      return token;
    }
    const { mechanism, body } = unframeToken(token);
    if (!isKrb5(mechanism))
      throw new GssError("GSS_BAD_MECHANISM", `the answer is of mechanism ${mechanism}`);
    const id = (body[0] ?? 0) * 256 + (body[1] ?? 0);
    const message = body.subarray(2);
    if (id === TokenId.krbError) throw this.#refused(message);
    if (id !== TokenId.apRep)
      throw defective(`token identifier ${id.toString(16)} where an AP-REP was expected`);
    return message;
  }

  #refused(message: Uint8Array): GssError {
    const error = decoding("KRB-ERROR", () => KrbError.decode(message));
    const { server } = this.#options.credential;
    const code = errorCodeName(error.errorCode);
    return new GssError(code, `${server.components.join("/")} refused the ticket: ${code}`, {
      krbError: error,
      ntStatus: ntStatusOf(error),
      remedy: remedies.get(error.errorCode),
    });
  }

  #establish(
    sent: Sent,
    receiveSequence: number,
    acceptorSubkey: EncryptionKey | undefined,
  ): SecurityContext {
    const { credential } = this.#options;
    return new SecurityContext({
      initiator: true,
      peer: credential.server,
      local: credential.client,
      flags: this.#flags,
      endTime: credential.endTime,
      sessionKey: credential.key,
      initiatorSubkey: sent.subkey,
      acceptorSubkey,
      sendSequence: sent.sequence,
      receiveSequence,
    });
  }
}
