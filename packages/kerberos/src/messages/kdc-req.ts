import {
  application,
  captured,
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
  HostAddresses,
  KerberosTime,
  MethodData,
  Nonce,
  PrincipalName,
  Realm,
} from "./basic.ts";
import { Ticket } from "./ticket.ts";

/**
 * RFC 4120 section 5.4.1
 *
 *     KDC-REQ-BODY ::= SEQUENCE {
 *       kdc-options [0] KDCOptions, cname [1] PrincipalName OPTIONAL -- only in AS-REQ --, realm [2] Realm,
 *       sname [3] PrincipalName OPTIONAL, from [4] KerberosTime OPTIONAL, till [5] KerberosTime,
 *       rtime [6] KerberosTime OPTIONAL, nonce [7] UInt32, etype [8] SEQUENCE OF Int32,
 *       addresses [9] HostAddresses OPTIONAL, enc-authorization-data [10] EncryptedData OPTIONAL,
 *       additional-tickets [11] SEQUENCE OF Ticket OPTIONAL }
 */
export const KdcReqBody = sequence("KDC-REQ-BODY", {
  kdcOptions: context(0, flags),
  cname: optional(context(1, PrincipalName)),
  realm: context(2, Realm),
  sname: optional(context(3, PrincipalName)),
  from: optional(context(4, KerberosTime)),
  till: context(5, KerberosTime),
  rtime: optional(context(6, KerberosTime)),
  nonce: context(7, Nonce),
  etype: context(8, sequenceOf(int32)),
  addresses: optional(context(9, HostAddresses)),
  encAuthorizationData: optional(context(10, EncryptedData)),
  additionalTickets: optional(context(11, sequenceOf(Ticket))),
});
export type KdcReqBody = Infer<typeof KdcReqBody>;

/**
 * RFC 4120 section 5.4.1. The body keeps its exact bytes (`reqBody.bytes`): checksums are made over them.
 *
 *     KDC-REQ ::= SEQUENCE {
 *       pvno [1] INTEGER (5), msg-type [2] INTEGER, padata [3] SEQUENCE OF PA-DATA OPTIONAL, req-body [4] KDC-REQ-BODY }
 */
export const KdcReq = sequence("KDC-REQ", {
  pvno: context(1, int32),
  msgType: context(2, int32),
  padata: optional(context(3, MethodData)),
  reqBody: context(4, captured(KdcReqBody)),
});
export type KdcReq = Infer<typeof KdcReq>;

/** AS-REQ ::= [APPLICATION 10] KDC-REQ. RFC 4120 section 5.4.1. */
export const AsReq = application(10, KdcReq);
export type AsReq = KdcReq;

/** TGS-REQ ::= [APPLICATION 12] KDC-REQ. RFC 4120 section 5.4.1. */
export const TgsReq = application(12, KdcReq);
export type TgsReq = KdcReq;
