import { type EpochMs, type Random, utf8 } from "@waybill/base";
import {
  cfx2,
  checksum,
  decrypt,
  EncryptedData,
  type EncryptionKey,
  encrypt,
  FastOptions,
  fastArmorApRequest,
  type KdcReqBody,
  KeyUsage,
  KrbFastReq,
  KrbFastResponse,
  type PaData,
  PaFxFastReply,
  PaFxFastRequest,
  PaType,
  type PrincipalName,
  randomKey,
  Ticket,
  verifyChecksum,
} from "@waybill/kerberos";
import { padataOf } from "./padata.ts";
import { KdcRefusal } from "./refusal.ts";

/** What protects one request and its answer: RFC 6113 section 5.4. */
export interface FastState {
  readonly armorKey: EncryptionKey;
  readonly options: number;
}

export interface OpenedFast {
  readonly state: FastState;
  /** Take the place of the outer ones. */
  readonly padata: readonly PaData[];
  readonly body: KdcReqBody;
}

export interface FastRequestParts {
  readonly padata: readonly PaData[];
  /** What the request checksum covers: the KDC-REQ-BODY in an AS-REQ, the AP-REQ in a TGS-REQ. */
  readonly covered: Uint8Array;
  /** The armor key a TGS-REQ implies, made of its authenticator's subkey and its ticket's session key. */
  readonly implicitArmorKey?: (() => EncryptionKey) | undefined;
  /** Opens the AP-REQ of an explicit armor; gives its armor key. */
  readonly openArmor: (apRequest: Uint8Array) => EncryptionKey;
}

/** KRB-FX-CF2 of a subkey and a ticket's session key: RFC 6113 section 5.4.1.1. */
export function armorKeyOf(subkey: EncryptionKey, sessionKey: EncryptionKey): EncryptionKey {
  return cfx2(subkey, sessionKey, "subkeyarmor", "ticketarmor");
}

/** Opens PA-FX-FAST of a request, if it has one: RFC 6113 section 5.4.2. */
export function openFast(parts: FastRequestParts): OpenedFast | undefined {
  const value = padataOf(parts.padata, PaType.fxFast);
  // An empty PA-FX-FAST only says that the client knows FAST.
  if (value === undefined || value.length === 0) return undefined;
  const { armor, reqChecksum, encFastReq } = PaFxFastRequest.decode(value).value;
  const armorKey = armor === undefined ? parts.implicitArmorKey?.() : explicitArmorKey(armor, parts);
  if (armorKey === undefined) {
    throw new KdcRefusal("KDC_ERR_PREAUTH_FAILED", "a FAST request names no armor", {
      reason: "fast-no-armor",
    });
  }
  const plain = decrypt(armorKey, KeyUsage.fastEnc, encFastReq.cipher);
  if (!verifyChecksum(armorKey, KeyUsage.fastReqChecksum, parts.covered, reqChecksum)) {
    throw new KdcRefusal("KRB_AP_ERR_MODIFIED", "the FAST checksum does not fit the outer request", {
      reason: "fast-checksum",
    });
  }
  const request = KrbFastReq.decode(plain);
  const state = { armorKey, options: request.fastOptions };
  checkCritical(state);
  return { state, padata: request.padata, body: request.reqBody.value };
}

function explicitArmorKey(
  armor: { readonly armorType: number; readonly armorValue: Uint8Array },
  parts: FastRequestParts,
): EncryptionKey {
  if (armor.armorType !== fastArmorApRequest || parts.implicitArmorKey !== undefined) {
    throw new KdcRefusal("KDC_ERR_PREAUTH_FAILED", "this kind of FAST armor is not accepted here", {
      reason: "fast-armor-type",
      facts: { armorType: armor.armorType },
    });
  }
  return parts.openArmor(armor.armorValue);
}

/** Bits 0 to 15 must be understood: RFC 6113 section 5.4.2. */
function checkCritical(state: FastState): void {
  const critical = (state.options & 0xffff0000 & ~FastOptions.hideClientNames) >>> 0;
  if (critical === 0) return;
  throw new KdcRefusal(
    "KDC_ERR_UNKNOWN_CRITICAL_FAST_OPTIONS",
    "the request needs FAST options this KDC does not know",
    {
      reason: "fast-critical-option",
      facts: { options: state.options },
    },
  );
}

export interface FastReplyParts {
  readonly state: FastState;
  readonly padata: readonly PaData[];
  readonly nonce: number;
  readonly replyKey: EncryptionKey;
  readonly crealm: string;
  readonly cname: PrincipalName;
  readonly ticket: Ticket;
  readonly now: EpochMs;
  readonly random: Random;
}

/** Wraps the padata of a reply and strengthens its key: RFC 6113 sections 5.4.3 and 5.4.4. */
export function sealFastReply(parts: FastReplyParts): { padata: PaData; replyKey: EncryptionKey } {
  const { armorKey } = parts.state;
  const strengthenKey = randomKey(parts.replyKey.keytype, parts.random);
  const response = KrbFastResponse.encode({
    padata: [...parts.padata],
    strengthenKey,
    finished: {
      timestamp: parts.now,
      usec: (parts.now % 1000) * 1000,
      crealm: parts.crealm,
      cname: parts.cname,
      ticketChecksum: checksum(armorKey, KeyUsage.fastFinished, Ticket.encode(parts.ticket)),
    },
    nonce: parts.nonce,
  });
  return {
    padata: armored(armorKey, response),
    replyKey: cfx2(strengthenKey, parts.replyKey, "strengthenkey", "replykey"),
  };
}

/** The PA-FX-FAST of a KRB-ERROR: RFC 6113 section 5.4.4. `padata` holds PA-FX-ERROR and what else may help. */
export function sealFastError(state: FastState, padata: readonly PaData[], nonce: number): PaData {
  return armored(state.armorKey, KrbFastResponse.encode({ padata: [...padata], nonce }));
}

function armored(armorKey: EncryptionKey, response: Uint8Array): PaData {
  return {
    padataType: PaType.fxFast,
    padataValue: PaFxFastReply.encode({
      kind: "armoredData",
      value: {
        encFastRep: { etype: armorKey.keytype, cipher: encrypt(armorKey, KeyUsage.fastRep, response) },
      },
    }),
  };
}

/** The KDC's half of an encrypted challenge: proof that the KDC knew the password too. RFC 6113 section 5.4.6. */
export function challengeKeys(
  armorKey: EncryptionKey,
  longTerm: EncryptionKey,
): { client: EncryptionKey; kdc: EncryptionKey } {
  return {
    client: cfx2(armorKey, longTerm, "clientchallengearmor", "challengelongterm"),
    kdc: cfx2(armorKey, longTerm, "kdcchallengearmor", "challengelongterm"),
  };
}

export function encryptChallenge(key: EncryptionKey, plain: Uint8Array): PaData {
  const cipher = encrypt(key, KeyUsage.encryptedChallengeKdc, plain);
  return {
    padataType: PaType.encryptedChallenge,
    padataValue: EncryptedData.encode({ etype: key.keytype, cipher }),
  };
}

/**
 * PA-FX-COOKIE: RFC 6113 section 5.2. Pre-authentication here takes one step and the KDC remembers nothing
 * between requests, so the cookie only has to exist.
 */
export const fastCookie: PaData = { padataType: PaType.fxCookie, padataValue: utf8("waybill") };
