import { fromUtf8, utf8 } from "@waybill/base";
import { type Account, DirectoryError, type DirectoryView } from "@waybill/directory";
import {
  ApRep,
  ChangePasswdData,
  decodeKpasswdFrame,
  decrypt,
  EncApRepPart,
  EncKrbPrivPart,
  type EncryptionKey,
  ErrorCode,
  encodeKpasswdFrame,
  encodeKpasswdReply,
  encrypt,
  KeyUsage,
  KpasswdResult,
  KpasswdVersion,
  KrbError,
  KrbPriv,
  MsgType,
  NameType,
  type PrincipalName,
  TicketFlags,
} from "@waybill/kerberos";
import type { PasswordWriter } from "./account-writers.ts";
import { type OpenedApRequest, openApRequest } from "./ap-request.ts";
import { asRefusal } from "./as-refusal.ts";
import type { Kdc } from "./kdc.ts";
import type { KdcEvent, RequestContext } from "./kdc-context.ts";
import { findClient, nameText } from "./names.ts";
import { KdcRefusal } from "./refusal.ts";
import { passwordServiceHolder } from "./ticket-holder.ts";

export interface PasswordServiceOptions {
  readonly kdc: Kdc;
  readonly passwords: PasswordWriter;
  readonly onEvent?: ((event: KdcEvent) => void) | undefined;
}

interface Outcome {
  readonly result: number;
  readonly text: string | Uint8Array;
  readonly reason: string;
}

const serviceName: PrincipalName = { nameType: NameType.srvInst, nameString: ["kadmin", "changepw"] };

/**
 * The password service behind port 464: RFC 3244, both the old change protocol and set-password. Sans-I/O like the
 * KDC itself, whose keys, clock and replay cache it shares.
 */
export class PasswordService {
  readonly #kdc: Kdc;
  readonly #passwords: PasswordWriter;
  readonly #onEvent: (event: KdcEvent) => void;

  constructor(options: PasswordServiceOptions) {
    this.#kdc = options.kdc;
    this.#passwords = options.passwords;
    this.#onEvent = options.onEvent ?? ((): void => {});
  }

  /** Answers one request; nothing at all for bytes that are no kpasswd frame. Never throws. */
  handle(request: Uint8Array, context: RequestContext): Uint8Array {
    const facts: Record<string, unknown> = { ...context };
    try {
      const frame = decodeKpasswdFrame(request);
      const ap = this.#open(frame.ap);
      facts.client = nameText(ap.ticket.part.cname);
      const key = ap.authenticator.subkey ?? ap.ticket.part.key;
      const outcome = this.#change(frame.version, frame.message, key, ap, facts);
      this.#report(outcome, facts);
      return this.#reply(outcome, ap, key);
    } catch (error) {
      return this.#fail(error, facts);
    }
  }

  get #directory(): DirectoryView {
    return this.#kdc.context.directory;
  }

  #open(ap: Uint8Array): OpenedApRequest {
    const { context } = this.#kdc;
    const opened = openApRequest(ap, context, {
      usage: KeyUsage.apReqAuthenticator,
      holderOf: passwordServiceHolder,
    });
    // Both kinds are encrypted in krbtgt's key, and names of tickets are not protected.
    if (opened.ticket.pac?.requestor !== undefined) {
      throw new KdcRefusal(
        "KRB_AP_ERR_NOT_US",
        "a ticket-granting ticket under the password service's name",
        {
          reason: "ticket-of-another-service",
        },
      );
    }
    if (context.replays.check(opened.cipher, ap).kind !== "fresh") {
      throw new KdcRefusal("KRB_AP_ERR_REPEAT", "the authenticator was used before", { reason: "replay" });
    }
    return opened;
  }

  #change(
    version: number,
    message: Uint8Array,
    key: EncryptionKey,
    ap: OpenedApRequest,
    facts: Record<string, unknown>,
  ): Outcome {
    const privPart = KrbPriv.decode(message).encPart;
    const { userData } = EncKrbPrivPart.decode(decrypt(key, KeyUsage.krbPrivEncPart, privPart.cipher));
    const { part } = ap.ticket;
    const client = findClient(this.#directory, part.cname, part.crealm);
    if (client === undefined) return failure(KpasswdResult.authError, "Unknown client", "client-unknown");
    if (version !== KpasswdVersion.change && version !== KpasswdVersion.set) {
      return failure(KpasswdResult.badVersion, "Unknown request version", "kpasswd-version");
    }
    const wanted =
      version === KpasswdVersion.change ? { newpasswd: userData } : ChangePasswdData.decode(userData);
    const target =
      "targname" in wanted && wanted.targname !== undefined
        ? findClient(this.#directory, wanted.targname, wanted.targrealm ?? part.crealm)
        : client;
    if (target === undefined) return failure(KpasswdResult.hardError, "Unknown account", "target-unknown");
    facts.target = target.samAccountName;
    const own = target.sid === client.sid;
    if (own && (part.flags & TicketFlags.initial) === 0) {
      return failure(KpasswdResult.initialFlagNeeded, "An initial ticket is needed", "not-initial");
    }
    return this.#write(target, fromUtf8(wanted.newpasswd), own ? undefined : client);
  }

  #write(target: Account, password: string, by: Account | undefined): Outcome {
    try {
      if (by === undefined) this.#passwords.changeOwn(target, password);
      else this.#passwords.reset(target, password, by);
      return { result: KpasswdResult.success, text: "Password changed", reason: "changed" };
    } catch (error) {
      if (!(error instanceof DirectoryError)) throw error;
      if (error.code === "PASSWORD_POLICY") {
        return failure(KpasswdResult.softError, policyRecord(this.#directory), "password-policy");
      }
      const denied = error.code === "ACCESS_DENIED";
      return failure(
        denied ? KpasswdResult.accessDenied : KpasswdResult.hardError,
        denied ? "Not permitted to change this password" : "The password could not be changed",
        denied ? "access-denied" : error.code.toLowerCase(),
      );
    }
  }

  #reply(outcome: Outcome, ap: OpenedApRequest, key: EncryptionKey): Uint8Array {
    const { clock } = this.#kdc.context;
    const { authenticator, ticket } = ap;
    const apPart = EncApRepPart.encode({
      ctime: authenticator.ctime,
      cusec: authenticator.cusec,
      seqNumber: 0,
    });
    const apRep = ApRep.encode({
      pvno: 5,
      msgType: MsgType.apRep,
      encPart: {
        etype: ticket.part.key.keytype,
        cipher: encrypt(ticket.part.key, KeyUsage.apRepEncPart, apPart),
      },
    });
    const now = clock.now();
    const text = typeof outcome.text === "string" ? utf8(outcome.text) : outcome.text;
    const privPart = EncKrbPrivPart.encode({
      userData: encodeKpasswdReply({ result: outcome.result, text }),
      timestamp: now,
      usec: (Math.floor(now) % 1000) * 1000,
      seqNumber: 0,
      sAddress: anyAddress,
    });
    const priv = KrbPriv.encode({
      pvno: 5,
      msgType: MsgType.krbPriv,
      encPart: { etype: key.keytype, cipher: encrypt(key, KeyUsage.krbPrivEncPart, privPart) },
    });
    return encodeKpasswdFrame({ version: KpasswdVersion.change, ap: apRep, message: priv });
  }

  /** A KRB-ERROR whose e-data holds the result code: RFC 3244 section 2. */
  #fail(error: unknown, facts: Record<string, unknown>): Uint8Array {
    const refusal = asRefusal(error);
    const outcome: Outcome = {
      result: refusal === undefined ? KpasswdResult.hardError : KpasswdResult.authError,
      text: refusal === undefined ? "The password service failed" : "The request was not accepted",
      reason: refusal?.reason ?? "internal-error",
    };
    this.#report(outcome, facts);
    const { realm, context } = this.#kdc;
    const now = context.clock.now();
    const text = typeof outcome.text === "string" ? utf8(outcome.text) : outcome.text;
    const message = KrbError.encode({
      pvno: 5,
      msgType: MsgType.krbError,
      stime: now,
      susec: (Math.floor(now) % 1000) * 1000,
      errorCode: refusal?.errorCode ?? ErrorCode.KRB_ERR_GENERIC,
      realm,
      sname: serviceName,
      eData: encodeKpasswdReply({ result: outcome.result, text }),
    });
    return encodeKpasswdFrame({ version: KpasswdVersion.change, ap: new Uint8Array(0), message });
  }

  #report(outcome: Outcome, facts: Record<string, unknown>): void {
    const changed = outcome.result === KpasswdResult.success;
    const { log } = this.#kdc.context;
    if (changed) log.info("kpasswd.changed", facts);
    else log.info("kpasswd.refused", { reason: outcome.reason, ...facts });
    this.#onEvent({
      exchange: "kpasswd",
      outcome: changed ? "issued" : "refused",
      reason: changed ? undefined : outcome.reason,
      facts,
    });
  }
}

/** The field is mandatory and nobody looks at it. */
const anyAddress = { addrType: 2, address: new Uint8Array(4) };

function failure(result: number, text: string | Uint8Array, reason: string): Outcome {
  return { result, text, reason };
}

const ticksPerMillisecond = 10_000n;

/** What AD sends instead of a text when the password breaks a rule: 30 bytes that clients turn into sentences. */
function policyRecord(directory: DirectoryView): Uint8Array {
  const { minLength, historyLength, complexity, maxAge, minAge } = directory.domain.passwords;
  const record = new Uint8Array(30);
  const view = new DataView(record.buffer);
  view.setUint32(2, minLength);
  view.setUint32(6, historyLength);
  view.setUint32(10, complexity ? 1 : 0);
  view.setBigUint64(14, maxAge === undefined ? 0n : BigInt(Math.floor(maxAge)) * ticksPerMillisecond);
  view.setBigUint64(22, BigInt(Math.floor(minAge)) * ticksPerMillisecond);
  return record;
}
