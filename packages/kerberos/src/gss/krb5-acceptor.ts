import { type Clock, equalBytes, type Random, randomUint31, systemClock, systemRandom } from "@waybill/base";
import type { Credential } from "../client/credential.ts";
import { verifyChecksum } from "../crypto/checksum.ts";
import { decrypt, encrypt } from "../crypto/encrypt.ts";
import { defaultEncTypes } from "../crypto/enctypes.ts";
import { randomKey } from "../crypto/random-key.ts";
import { KerberosError } from "../errors.ts";
import { ApRep, type ApReq, EncApRepPart } from "../messages/ap.ts";
import type { EncryptionKey } from "../messages/basic.ts";
import { KrbError } from "../messages/error.ts";
import { checkClientInfo } from "../pac/client-info.ts";
import { decodePac, type Pac } from "../pac/pac.ts";
import { verifyServerSignature } from "../pac/pac-signature.ts";
import { extractTicketPac } from "../pac/ticket-pac.ts";
import { formatName, type Principal, toPrincipalName } from "../principal.ts";
import { ChecksumType } from "../registry/checksum-type.ts";
import { ErrorCode } from "../registry/error-code.ts";
import { ApOptions, TicketFlags } from "../registry/flags.ts";
import { KeyUsage } from "../registry/key-usage.ts";
import { MsgType } from "../registry/msg-type.ts";
import { type AcceptedApReq, acceptApReq } from "./accept-ap-req.ts";
import { type AuthenticatorChecksum, decodeAuthenticatorChecksum } from "./authenticator-checksum.ts";
import { type BindingsPolicy, checkBindings, noBindings } from "./check-bindings.ts";
import { decodeDelegation } from "./delegation.ts";
import { decoding, defective, enctypeRefused, GssError } from "./gss-error.ts";
import { GssFlags } from "./gss-flags.ts";
import type { Handshake, StepResult } from "./handshake.ts";
import { isKrb5 } from "./mechanism-oid.ts";
import type { ServiceKeys } from "./open-ticket.ts";
import type { ReplayCache } from "./replay-cache.ts";
import { SecurityContext } from "./security-context.ts";
import { subkeyInForce } from "./subkey-in-force.ts";
import { frameKrb5, isFramed, TokenId, unframeToken } from "./token-frame.ts";

/** What a service accepts: `keytab` and `replayCache` are all it takes. */
export interface AcceptorOptions extends BindingsPolicy {
  /** The service's keys. */
  readonly keytab: ServiceKeys;
  /** Shared by all contexts of the service, and by all its processes: see FileReplayCache. */
  readonly replayCache: ReplayCache;
  /** Accept tickets for this principal's keys only. Default: whatever a key of the keytab opens. */
  readonly principal?: Principal | undefined;
  /**
   * Encryption types the keys of a context may be of. Default: AES only; `encTypesWithRc4` allows rc4-hmac too. What
   * tickets are sealed with is the keytab's matter.
   */
  readonly etypes?: readonly number[] | undefined;
  /** Refuse tickets without a PAC. */
  readonly requirePac?: boolean | undefined;
  /** Tolerated difference of clocks in milliseconds. Default five minutes. */
  readonly clockSkew?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
}

const defaultClockSkew = 5 * 60_000;
const krbErrorCodes: Readonly<Record<string, number>> = ErrorCode;

interface Pending {
  readonly context: SecurityContext;
  readonly sent: Uint8Array;
  readonly sessionKey: EncryptionKey;
  readonly sequence: number;
}

/** The acceptor's side of the Kerberos mechanism; the diagram stands at `Krb5Initiator`. */
export class Krb5Acceptor implements Handshake {
  readonly #options: AcceptorOptions;
  readonly #clock: Clock;
  readonly #random: Random;
  #pending: Pending | undefined;
  #finished = false;

  constructor(options: AcceptorOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
  }

  step(token?: Uint8Array): StepResult {
    if (this.#finished)
      throw new GssError("GSS_CONTEXT_COMPLETE", "the context needs no more tokens", { family: "caller" });
    if (token === undefined) throw defective("the initiator's token is missing");
    if (this.#pending !== undefined) return this.#third(token, this.#pending);
    const { message, mechanism } = openRequest(token);
    try {
      return this.#first(message, mechanism);
    } catch (error) {
      if (error instanceof KerberosError) throw this.#withToken(error, mechanism);
      throw error;
    }
  }

  #first(message: Uint8Array, mechanism: string | undefined): StepResult {
    const accepted = acceptApReq(message, {
      keytab: this.#options.keytab,
      principal: this.#options.principal,
      replayCache: this.#options.replayCache,
      clock: this.#clock,
      clockSkew: this.#options.clockSkew ?? defaultClockSkew,
    });
    const { request, encTicketPart, authenticator } = accepted;
    this.#checkEncTypes(accepted);
    const stated = this.#readChecksum(accepted);
    const said = stated ?? assumedFlags(request);
    const channelBound = checkBindings(said, accepted, this.#options);
    const pac = this.#readPac(accepted);
    if (pac === undefined) checkTransited(accepted);
    const dce = (said.flags & GssFlags.dceStyle) !== 0;
    // Impacket's LDAP clients put a bare AP-REQ without GSS-API's checksum into SPNEGO; Windows takes it.
    if (stated !== undefined && dce !== (mechanism === undefined))
      throw defective("framing and the DCE style flag disagree");
    const mutual = (request.apOptions & ApOptions.mutualRequired) !== 0 || dce;
    const initiatorSequence = authenticator.seqNumber ?? 0;
    const subkey = authenticator.subkey;
    const { keytype } = subkey ?? encTicketPart.key;
    const acceptorSubkey = mutual ? subkeyInForce(randomKey(keytype, this.#random), dce) : undefined;
    const sendSequence = mutual ? randomUint31(this.#random) & 0x3fffffff : initiatorSequence;
    const context = new SecurityContext({
      initiator: false,
      peer: accepted.client,
      local: accepted.server,
      flags: said.flags,
      flagsAssumed: stated === undefined,
      endTime: encTicketPart.endtime,
      sessionKey: encTicketPart.key,
      initiatorSubkey: subkey,
      acceptorSubkey,
      sendSequence,
      receiveSequence: initiatorSequence,
      evidence: {
        ticket: request.ticket,
        encTicketPart,
        flags: encTicketPart.flags,
        sessionKey: encTicketPart.key,
      },
      pac,
      delegatedCredentials: this.#readDelegation(said, accepted),
      channelBound,
    });
    if (!mutual) {
      this.#finished = true;
      return { done: true, context };
    }
    const part = EncApRepPart.encode({
      ctime: authenticator.ctime,
      cusec: authenticator.cusec,
      subkey: acceptorSubkey,
      seqNumber: sendSequence,
    });
    const sessionKey = encTicketPart.key;
    const reply = ApRep.encode({
      pvno: 5,
      msgType: MsgType.apRep,
      encPart: { etype: sessionKey.keytype, cipher: encrypt(sessionKey, KeyUsage.apRepEncPart, part) },
    });
    if (dce) {
      this.#pending = { context, sent: reply, sessionKey, sequence: sendSequence };
      return { token: reply, done: false };
    }
    this.#finished = true;
    const token = mechanism === undefined ? reply : frameKrb5(TokenId.apRep, reply, mechanism);
    return { token, done: true, context };
  }

  /** DCE style's third leg proves that the initiator read the second: MS-KILE 3.4.5.1. */
  #third(token: Uint8Array, pending: Pending): StepResult {
    const reply = decoding("AP-REP", () => ApRep.decode(token));
    const bytes = decrypt(pending.sessionKey, KeyUsage.apRepEncPart, reply.encPart.cipher);
    const part = decoding("EncAPRepPart", () => EncApRepPart.decode(bytes));
    if (equalBytes(token, pending.sent) || part.subkey !== undefined || part.seqNumber !== pending.sequence) {
      throw new GssError("KRB_AP_ERR_MUT_FAIL", "the third leg does not answer the second");
    }
    this.#finished = true;
    return { done: true, context: pending.context };
  }

  #checkEncTypes({ encTicketPart, authenticator }: AcceptedApReq): void {
    const { etypes = defaultEncTypes } = this.#options;
    for (const key of [encTicketPart.key, authenticator.subkey])
      if (key !== undefined && !etypes.includes(key.keytype)) throw enctypeRefused(key.keytype);
  }

  /** `undefined` when the initiator did not speak GSS-API's dialect and stated no flags. */
  #readChecksum({ authenticator, encTicketPart }: AcceptedApReq): AuthenticatorChecksum | undefined {
    const { cksum } = authenticator;
    if (cksum?.cksumtype === ChecksumType.gssApi) return decodeAuthenticatorChecksum(cksum.checksum);
    // Plain Kerberos clients (old Samba among them) send a real checksum over nothing, or none at all.
    if (cksum !== undefined) {
      const keys = [authenticator.subkey, encTicketPart.key].filter((key) => key !== undefined);
      const usage = KeyUsage.apReqAuthenticatorChecksum;
      if (!keys.some((key) => verifyChecksum(key, usage, new Uint8Array(0), cksum))) {
        throw new GssError("KRB_AP_ERR_INAPP_CKSUM", `checksum type ${cksum.cksumtype} is not GSS-API's`);
      }
    }
    return undefined;
  }

  #readPac(accepted: AcceptedApReq): Pac | undefined {
    const bytes = extractTicketPac(accepted.ticketBytes);
    if (bytes === undefined) {
      if (this.#options.requirePac) throw new GssError("PAC_NOT_IN_TICKET", "the ticket holds no PAC");
      return undefined;
    }
    const pac = decodePac(bytes);
    verifyServerSignature(pac, accepted.serviceKey);
    // Cross-realm S4U2Self writes the realm too; some KDCs quote the name.
    const { client, encTicketPart } = accepted;
    const plain = client.components.join("/");
    const names = [plain, formatName(client), `${plain}@${client.realm}`];
    const said = pac.clientInfo?.name;
    checkClientInfo(pac.clientInfo, names.find((name) => name === said) ?? plain, encTicketPart.authtime);
    return pac;
  }

  #readDelegation(said: AuthenticatorChecksum, accepted: AcceptedApReq): readonly Credential[] | undefined {
    if (said.delegation === undefined) return undefined;
    const keys = [accepted.encTicketPart.key, accepted.authenticator.subkey].filter(
      (key) => key !== undefined,
    );
    return decodeDelegation(said.delegation, keys);
  }

  /** The same failure with a KRB-ERROR for the initiator, as RFC 4121 section 4.1 allows. */
  #withToken(error: KerberosError, mechanism: string | undefined): GssError {
    const now = this.#clock.now();
    const first = this.#options.keytab.entries[0]?.principal;
    const server = this.#options.principal ?? first;
    const known = krbErrorCodes[error.code];
    // What is wrong on this side is nobody else's business.
    const errorCode =
      known ?? (error.code.startsWith("PAC_") ? ErrorCode.KRB_AP_ERR_MODIFIED : ErrorCode.KRB_ERR_GENERIC);
    const message = KrbError.encode({
      pvno: 5,
      msgType: MsgType.krbError,
      stime: Math.floor(now / 1000) * 1000,
      susec: Math.floor(now % 1000) * 1000,
      errorCode,
      realm: server?.realm ?? "",
      sname: server === undefined ? { nameType: 0, nameString: [] } : toPrincipalName(server),
    });
    const token = mechanism === undefined ? message : frameKrb5(TokenId.krbError, message, mechanism);
    return new GssError(error.code, error.message, {
      family: error.family,
      remedy: error.remedy,
      facts: error.facts,
      cause: error,
      token,
    });
  }
}

/**
 * RFC 4120 section 2.7: a path through other realms counts when the KDC checked it. A PAC makes the check needless,
 * since the service's own KDC has filtered and signed what it says of the client (MS-KILE 3.3.5.7.5).
 */
function checkTransited({ client, server, encTicketPart }: AcceptedApReq): void {
  const { flags, transited } = encTicketPart;
  if (client.realm === server.realm || transited.contents.length === 0) return;
  if ((flags & TicketFlags.transitedPolicyChecked) !== 0) return;
  throw new GssError("KRB_AP_PATH_NOT_ACCEPTED", `no KDC vouches for the path from realm ${client.realm}`, {
    facts: { client: client.realm, server: server.realm },
  });
}

/** What a context can do that was made without GSS-API's checksum. */
function assumedFlags(request: ApReq): AuthenticatorChecksum {
  const mutual = (request.apOptions & ApOptions.mutualRequired) === 0 ? 0 : GssFlags.mutual;
  const protection = GssFlags.replay | GssFlags.sequence | GssFlags.integrity | GssFlags.confidentiality;
  return { bindings: noBindings, flags: protection | mutual };
}

function openRequest(token: Uint8Array): { message: Uint8Array; mechanism: string | undefined } {
  // Without frame: DCE style.
  if (!isFramed(token)) return { message: token, mechanism: undefined };
  const { mechanism, body } = unframeToken(token);
  if (!isKrb5(mechanism)) throw new GssError("GSS_BAD_MECHANISM", `mechanism ${mechanism} is not Kerberos`);
  const id = (body[0] ?? 0) * 256 + (body[1] ?? 0);
  if (id !== TokenId.apReq)
    throw defective(`token identifier ${id.toString(16)} where an AP-REQ was expected`);
  // Answered under the OID the initiator used, whose spelling Windows 2000 got wrong.
  return { message: body.subarray(2), mechanism };
}
