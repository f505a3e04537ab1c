import {
  application,
  choice,
  context,
  flags,
  type Infer,
  int32,
  optional,
  sequence,
  sequenceOf,
} from "@waybill/asn1";
import {
  EncryptedData,
  EncryptionKey,
  HostAddresses,
  KerberosTime,
  MethodData,
  Nonce,
  PrincipalName,
  Realm,
} from "./basic.ts";
import { Ticket } from "./ticket.ts";

/**
 * RFC 4120 section 5.4.2
 *
 *     KDC-REP ::= SEQUENCE {
 *       pvno [0] INTEGER (5), msg-type [1] INTEGER, padata [2] SEQUENCE OF PA-DATA OPTIONAL, crealm [3] Realm,
 *       cname [4] PrincipalName, ticket [5] Ticket, enc-part [6] EncryptedData -- EncASRepPart or EncTGSRepPart }
 */
export const KdcRep = sequence("KDC-REP", {
  pvno: context(0, int32),
  msgType: context(1, int32),
  padata: optional(context(2, MethodData)),
  crealm: context(3, Realm),
  cname: context(4, PrincipalName),
  ticket: context(5, Ticket),
  encPart: context(6, EncryptedData),
});
export type KdcRep = Infer<typeof KdcRep>;

/** AS-REP ::= [APPLICATION 11] KDC-REP. RFC 4120 section 5.4.2. */
export const AsRep = application(11, KdcRep);
export type AsRep = KdcRep;

/** TGS-REP ::= [APPLICATION 13] KDC-REP. RFC 4120 section 5.4.2. */
export const TgsRep = application(13, KdcRep);
export type TgsRep = KdcRep;

/**
 * RFC 4120 section 5.4.2
 *
 *     LastReq ::= SEQUENCE OF SEQUENCE { lr-type [0] Int32, lr-value [1] KerberosTime }
 */
export const LastReq = sequenceOf(
  sequence("LastReqEntry", { lrType: context(0, int32), lrValue: context(1, KerberosTime) }),
);
export type LastReq = Infer<typeof LastReq>;

/**
 * RFC 4120 section 5.4.2; `encryptedPaData` is from RFC 6806 section 11.
 *
 *     EncKDCRepPart ::= SEQUENCE {
 *       key [0] EncryptionKey, last-req [1] LastReq, nonce [2] UInt32, key-expiration [3] KerberosTime OPTIONAL,
 *       flags [4] TicketFlags, authtime [5] KerberosTime, starttime [6] KerberosTime OPTIONAL,
 *       endtime [7] KerberosTime, renew-till [8] KerberosTime OPTIONAL, srealm [9] Realm, sname [10] PrincipalName,
 *       caddr [11] HostAddresses OPTIONAL, encrypted-pa-data [12] SEQUENCE OF PA-DATA OPTIONAL }
 */
export const EncKdcRepPart = sequence("EncKDCRepPart", {
  key: context(0, EncryptionKey),
  lastReq: context(1, LastReq),
  nonce: context(2, Nonce),
  keyExpiration: optional(context(3, KerberosTime)),
  flags: context(4, flags),
  authtime: context(5, KerberosTime),
  starttime: optional(context(6, KerberosTime)),
  endtime: context(7, KerberosTime),
  renewTill: optional(context(8, KerberosTime)),
  srealm: context(9, Realm),
  sname: context(10, PrincipalName),
  caddr: optional(context(11, HostAddresses)),
  encryptedPaData: optional(context(12, MethodData)),
});
export type EncKdcRepPart = Infer<typeof EncKdcRepPart>;

/** EncASRepPart ::= [APPLICATION 25] EncKDCRepPart. RFC 4120 section 5.4.2. */
export const EncAsRepPart = application(25, EncKdcRepPart);

/** EncTGSRepPart ::= [APPLICATION 26] EncKDCRepPart. RFC 4120 section 5.4.2. */
export const EncTgsRepPart = application(26, EncKdcRepPart);

/** For reading: a client takes either tag in an AS-REP, because some KDCs always send 26 (RFC 4120 section 5.4.2). */
export const AnyEncKdcRepPart = choice("EncKDCRepPart", { as: EncAsRepPart, tgs: EncTgsRepPart });
