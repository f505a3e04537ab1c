import type { EpochMs } from "@waybill/base";
import { type Account, type AccountKey, hasFlag } from "@waybill/directory";
import {
  decrypt,
  EncryptedChallenge,
  type EncryptionKey,
  EncType,
  EtypeInfo2,
  KeyUsage,
  type PaData,
  PaEncTimestamp,
  PaEncTsEnc,
  PaType,
} from "@waybill/kerberos";
import { challengeKeys, encryptChallenge, type FastState, fastCookie } from "./fast.ts";
import type { KdcContext } from "./kdc-context.ts";
import { emptyPadata, padataOf } from "./padata.ts";
import { KdcRefusal } from "./refusal.ts";

export interface PreAuthRequest {
  readonly account: Account;
  readonly padata: readonly PaData[];
  readonly fast: FastState | undefined;
  /** Keys the answer may be encrypted in, the preferred one first; never empty. */
  readonly keys: readonly AccountKey[];
  readonly now: EpochMs;
}

export interface PreAuthOutcome {
  /** The long-term key both sides are known to hold, or the preferred one when nothing was proved. */
  readonly replyKey: AccountKey;
  readonly proved: boolean;
  /** For the reply: the KDC's half of an encrypted challenge. */
  readonly padata: readonly PaData[];
  /** The ciphertext of the proof, which no second request may repeat. */
  readonly proof: Uint8Array | undefined;
}

/** ETYPE-INFO2 for these keys: RFC 4120 section 5.2.7.5. */
export function etypeInfo2(keys: readonly AccountKey[]): PaData {
  const entries = keys.map((key) =>
    key.salt === undefined ? { etype: key.keytype } : { etype: key.keytype, salt: key.salt },
  );
  return { padataType: PaType.etypeInfo2, padataValue: EtypeInfo2.encode(entries) };
}

/** AD names its strongest AES key and, where it is still allowed, rc4-hmac. */
export function offeredKeys(keys: readonly AccountKey[]): readonly AccountKey[] {
  const rc4 = keys.filter((key) => key.keytype === EncType.rc4Hmac);
  const aes = keys.filter((key) => key.keytype !== EncType.rc4Hmac);
  return [...aes.slice(0, 1), ...rc4];
}

/** What a client may try: the METHOD-DATA of KDC_ERR_PREAUTH_REQUIRED. */
function methods(request: PreAuthRequest, context: KdcContext): PaData[] {
  const info = etypeInfo2(offeredKeys(request.keys));
  if (request.fast !== undefined) return [info, emptyPadata(PaType.encryptedChallenge)];
  const fast = context.settings.fast ? [emptyPadata(PaType.fxFast), fastCookie] : [];
  return [info, emptyPadata(PaType.encTimestamp), ...fast];
}

/**
 * PA-ENC-TIMESTAMP (RFC 4120 section 5.2.7.2) in the open, PA-ENCRYPTED-CHALLENGE (RFC 6113 section 5.4.6) in FAST.
 *
 * @throws KdcRefusal KDC_ERR_PREAUTH_REQUIRED, KDC_ERR_PREAUTH_FAILED, KRB_AP_ERR_SKEW
 */
export function preAuthenticate(request: PreAuthRequest, context: KdcContext): PreAuthOutcome {
  const [preferred] = request.keys;
  if (preferred === undefined) throw new RangeError("pre-authentication without keys");
  const { fast, padata } = request;
  const challenge = fast === undefined ? undefined : padataOf(padata, PaType.encryptedChallenge);
  if (fast !== undefined && challenge !== undefined && challenge.length > 0) {
    return answerChallenge(request, fast, challenge, context);
  }
  const timestamp = padataOf(padata, PaType.encTimestamp);
  if (timestamp !== undefined) return checkTimestamp(request, timestamp, context);
  if (hasFlag(request.account.userAccountControl, "dontRequirePreauth")) {
    return { replyKey: preferred, proved: false, padata: [], proof: undefined };
  }
  throw new KdcRefusal("KDC_ERR_PREAUTH_REQUIRED", "pre-authentication is required", {
    reason: "preauth-required",
    methodData: methods(request, context),
  });
}

function checkTimestamp(request: PreAuthRequest, value: Uint8Array, context: KdcContext): PreAuthOutcome {
  const data = PaEncTimestamp.decode(value);
  const key = request.keys.find((candidate) => candidate.keytype === data.etype);
  if (key === undefined) {
    throw new KdcRefusal("KDC_ERR_ETYPE_NOSUPP", "the account has no key of that encryption type", {
      reason: "preauth-enctype",
      facts: { etype: data.etype },
    });
  }
  const plain = tryDecrypt(key, KeyUsage.asReqPaEncTimestamp, data.cipher);
  if (plain === undefined) throw wrongPassword(request, context);
  checkSkew(PaEncTsEnc.decode(plain).patimestamp, request, context);
  return { replyKey: key, proved: true, padata: [], proof: data.cipher };
}

function answerChallenge(
  request: PreAuthRequest,
  fast: FastState,
  value: Uint8Array,
  context: KdcContext,
): PreAuthOutcome {
  const data = EncryptedChallenge.decode(value);
  // The challenge key has the armor's type, so the type does not tell which long-term key was meant.
  for (const replyKey of request.keys) {
    const keys = challengeKeys(fast.armorKey, replyKey);
    const plain = tryDecrypt(keys.client, KeyUsage.encryptedChallengeClient, data.cipher);
    if (plain === undefined) continue;
    checkSkew(PaEncTsEnc.decode(plain).patimestamp, request, context);
    const { now } = request;
    const answer = PaEncTsEnc.encode({ patimestamp: now, pausec: (now % 1000) * 1000 });
    return { replyKey, proved: true, padata: [encryptChallenge(keys.kdc, answer)], proof: data.cipher };
  }
  throw wrongPassword(request, context);
}

function tryDecrypt(key: EncryptionKey, usage: number, cipher: Uint8Array): Uint8Array | undefined {
  try {
    return decrypt(key, usage, cipher);
  } catch {
    return undefined;
  }
}

function checkSkew(time: EpochMs, request: PreAuthRequest, context: KdcContext): void {
  if (Math.abs(time - request.now) <= context.directory.domain.tickets.maxClockSkew) return;
  throw new KdcRefusal("KRB_AP_ERR_SKEW", "the client's clock differs too much", {
    reason: "clock-skew",
    facts: { skewSeconds: Math.round((time - request.now) / 1000) },
  });
}

function wrongPassword(request: PreAuthRequest, context: KdcContext): KdcRefusal {
  context.accountState?.badPassword(request.account, request.now);
  return new KdcRefusal(
    "KDC_ERR_PREAUTH_FAILED",
    "the key that pre-authentication was made with is not the account's",
    {
      reason: "wrong-password",
      methodData: [etypeInfo2(offeredKeys(request.keys))],
    },
  );
}
