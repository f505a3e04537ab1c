import {
  application,
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
  HostAddress,
  HostAddresses,
  KerberosTime,
  Microseconds,
  PrincipalName,
  Realm,
  UInt32,
} from "./basic.ts";
import { Ticket } from "./ticket.ts";

/**
 * RFC 4120 section 5.8.1
 *
 *     KRB-CRED ::= [APPLICATION 22] SEQUENCE {
 *       pvno [0] INTEGER (5), msg-type [1] INTEGER (22), tickets [2] SEQUENCE OF Ticket,
 *       enc-part [3] EncryptedData -- EncKrbCredPart }
 */
export const KrbCred = application(
  22,
  sequence("KRB-CRED", {
    pvno: context(0, int32),
    msgType: context(1, int32),
    tickets: context(2, sequenceOf(Ticket)),
    encPart: context(3, EncryptedData),
  }),
);
export type KrbCred = Infer<typeof KrbCred>;

/**
 * RFC 4120 section 5.8.1
 *
 *     KrbCredInfo ::= SEQUENCE {
 *       key [0] EncryptionKey, prealm [1] Realm OPTIONAL, pname [2] PrincipalName OPTIONAL,
 *       flags [3] TicketFlags OPTIONAL, authtime [4] KerberosTime OPTIONAL, starttime [5] KerberosTime OPTIONAL,
 *       endtime [6] KerberosTime OPTIONAL, renew-till [7] KerberosTime OPTIONAL, srealm [8] Realm OPTIONAL,
 *       sname [9] PrincipalName OPTIONAL, caddr [10] HostAddresses OPTIONAL }
 */
export const KrbCredInfo = sequence("KrbCredInfo", {
  key: context(0, EncryptionKey),
  prealm: optional(context(1, Realm)),
  pname: optional(context(2, PrincipalName)),
  flags: optional(context(3, flags)),
  authtime: optional(context(4, KerberosTime)),
  starttime: optional(context(5, KerberosTime)),
  endtime: optional(context(6, KerberosTime)),
  renewTill: optional(context(7, KerberosTime)),
  srealm: optional(context(8, Realm)),
  sname: optional(context(9, PrincipalName)),
  caddr: optional(context(10, HostAddresses)),
});
export type KrbCredInfo = Infer<typeof KrbCredInfo>;

/**
 * RFC 4120 section 5.8.1. Key usage 14; enctype 0 means the part is not encrypted.
 *
 *     EncKrbCredPart ::= [APPLICATION 29] SEQUENCE {
 *       ticket-info [0] SEQUENCE OF KrbCredInfo, nonce [1] UInt32 OPTIONAL, timestamp [2] KerberosTime OPTIONAL,
 *       usec [3] Microseconds OPTIONAL, s-address [4] HostAddress OPTIONAL, r-address [5] HostAddress OPTIONAL }
 */
export const EncKrbCredPart = application(
  29,
  sequence("EncKrbCredPart", {
    ticketInfo: context(0, sequenceOf(KrbCredInfo)),
    nonce: optional(context(1, UInt32)),
    timestamp: optional(context(2, KerberosTime)),
    usec: optional(context(3, Microseconds)),
    sAddress: optional(context(4, HostAddress)),
    rAddress: optional(context(5, HostAddress)),
  }),
);
export type EncKrbCredPart = Infer<typeof EncKrbCredPart>;
