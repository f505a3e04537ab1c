import {
  captured,
  choice,
  context,
  flags,
  type Infer,
  int32,
  octetString,
  optional,
  sequence,
  sequenceOf,
} from "@waybill/asn1";
import {
  Checksum,
  EncryptedData,
  EncryptionKey,
  KerberosTime,
  MethodData,
  Microseconds,
  Nonce,
  PrincipalName,
  Realm,
} from "./basic.ts";
import { KdcReqBody } from "./kdc-req.ts";

/**
 * RFC 6113 section 5.4.1. Armor type 1 (FX_FAST_ARMOR_AP_REQUEST) holds an AP-REQ.
 *
 *     KrbFastArmor ::= SEQUENCE { armor-type [0] Int32, armor-value [1] OCTET STRING }
 */
export const KrbFastArmor = sequence("KrbFastArmor", {
  armorType: context(0, int32),
  armorValue: context(1, octetString),
});
export type KrbFastArmor = Infer<typeof KrbFastArmor>;

/** `armorType` of an AP-REQ armor: RFC 6113 section 5.4.1.1. */
export const fastArmorApRequest = 1;

/**
 * RFC 6113 section 5.4.2
 *
 *     KrbFastArmoredReq ::= SEQUENCE {
 *       armor [0] KrbFastArmor OPTIONAL, req-checksum [1] Checksum, enc-fast-req [2] EncryptedData -- KrbFastReq }
 */
export const KrbFastArmoredReq = sequence("KrbFastArmoredReq", {
  armor: optional(context(0, KrbFastArmor)),
  reqChecksum: context(1, Checksum),
  encFastReq: context(2, EncryptedData),
});
export type KrbFastArmoredReq = Infer<typeof KrbFastArmoredReq>;

/** PA-FX-FAST-REQUEST ::= CHOICE { armored-data [0] KrbFastArmoredReq, ... }. RFC 6113 section 5.4.2. */
export const PaFxFastRequest = choice("PA-FX-FAST-REQUEST", { armoredData: context(0, KrbFastArmoredReq) });
export type PaFxFastRequest = Infer<typeof PaFxFastRequest>;

/**
 * RFC 6113 section 5.4.2. Encrypted in the armor key, key usage 51.
 *
 *     KrbFastReq ::= SEQUENCE { fast-options [0] FastOptions, padata [1] SEQUENCE OF PA-DATA, req-body [2] KDC-REQ-BODY }
 */
export const KrbFastReq = sequence("KrbFastReq", {
  fastOptions: context(0, flags),
  padata: context(1, MethodData),
  reqBody: context(2, captured(KdcReqBody)),
});
export type KrbFastReq = Infer<typeof KrbFastReq>;

/** KrbFastArmoredRep ::= SEQUENCE { enc-fast-rep [0] EncryptedData -- KrbFastResponse }. RFC 6113 section 5.4.3. */
export const KrbFastArmoredRep = sequence("KrbFastArmoredRep", { encFastRep: context(0, EncryptedData) });
export type KrbFastArmoredRep = Infer<typeof KrbFastArmoredRep>;

/** PA-FX-FAST-REPLY ::= CHOICE { armored-data [0] KrbFastArmoredRep, ... }. RFC 6113 section 5.4.3. */
export const PaFxFastReply = choice("PA-FX-FAST-REPLY", { armoredData: context(0, KrbFastArmoredRep) });
export type PaFxFastReply = Infer<typeof PaFxFastReply>;

/**
 * RFC 6113 section 5.4.3. The checksum (armor key, key usage 53) covers the encoded Ticket.
 *
 *     KrbFastFinished ::= SEQUENCE {
 *       timestamp [0] KerberosTime, usec [1] Microseconds, crealm [2] Realm, cname [3] PrincipalName,
 *       ticket-checksum [4] Checksum }
 */
export const KrbFastFinished = sequence("KrbFastFinished", {
  timestamp: context(0, KerberosTime),
  usec: context(1, Microseconds),
  crealm: context(2, Realm),
  cname: context(3, PrincipalName),
  ticketChecksum: context(4, Checksum),
});
export type KrbFastFinished = Infer<typeof KrbFastFinished>;

/**
 * RFC 6113 section 5.4.3. Encrypted in the armor key, key usage 52.
 *
 *     KrbFastResponse ::= SEQUENCE {
 *       padata [0] SEQUENCE OF PA-DATA, strengthen-key [1] EncryptionKey OPTIONAL,
 *       finished [2] KrbFastFinished OPTIONAL, nonce [3] UInt32 }
 */
export const KrbFastResponse = sequence("KrbFastResponse", {
  padata: context(0, MethodData),
  strengthenKey: optional(context(1, EncryptionKey)),
  finished: optional(context(2, KrbFastFinished)),
  nonce: context(3, Nonce),
});
export type KrbFastResponse = Infer<typeof KrbFastResponse>;

/**
 * RFC 6113 section 5.3
 *
 *     PA-AUTHENTICATION-SET ::= SEQUENCE OF SEQUENCE {
 *       pa-type [0] Int32, pa-hint [1] OCTET STRING OPTIONAL, pa-value [2] OCTET STRING OPTIONAL }
 */
export const PaAuthenticationSet = sequenceOf(
  sequence("PA-AUTHENTICATION-SET-ELEM", {
    paType: context(0, int32),
    paHint: optional(context(1, octetString)),
    paValue: optional(context(2, octetString)),
  }),
);
export type PaAuthenticationSet = Infer<typeof PaAuthenticationSet>;
