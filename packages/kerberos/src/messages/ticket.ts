import {
  application,
  context,
  flags,
  type Infer,
  int32,
  octetString,
  optional,
  sequence,
} from "@waybill/asn1";
import {
  AuthorizationData,
  EncryptedData,
  EncryptionKey,
  HostAddresses,
  KerberosTime,
  PrincipalName,
  Realm,
} from "./basic.ts";

/**
 * RFC 4120 section 5.3
 *
 *     Ticket ::= [APPLICATION 1] SEQUENCE {
 *       tkt-vno [0] INTEGER (5), realm [1] Realm, sname [2] PrincipalName, enc-part [3] EncryptedData -- EncTicketPart }
 */
export const Ticket = application(
  1,
  sequence("Ticket", {
    tktVno: context(0, int32),
    realm: context(1, Realm),
    sname: context(2, PrincipalName),
    encPart: context(3, EncryptedData),
  }),
);
export type Ticket = Infer<typeof Ticket>;

/**
 * RFC 4120 section 5.3. Type 1 (DOMAIN-X500-COMPRESS) is the only one in use: see section 3.3.3.2.
 *
 *     TransitedEncoding ::= SEQUENCE { tr-type [0] Int32, contents [1] OCTET STRING }
 */
export const TransitedEncoding = sequence("TransitedEncoding", {
  trType: context(0, int32),
  contents: context(1, octetString),
});
export type TransitedEncoding = Infer<typeof TransitedEncoding>;

/**
 * RFC 4120 section 5.3. Encrypted in the service's key, key usage 2.
 *
 *     EncTicketPart ::= [APPLICATION 3] SEQUENCE {
 *       flags [0] TicketFlags, key [1] EncryptionKey, crealm [2] Realm, cname [3] PrincipalName,
 *       transited [4] TransitedEncoding, authtime [5] KerberosTime, starttime [6] KerberosTime OPTIONAL,
 *       endtime [7] KerberosTime, renew-till [8] KerberosTime OPTIONAL, caddr [9] HostAddresses OPTIONAL,
 *       authorization-data [10] AuthorizationData OPTIONAL }
 */
export const EncTicketPart = application(
  3,
  sequence("EncTicketPart", {
    flags: context(0, flags),
    key: context(1, EncryptionKey),
    crealm: context(2, Realm),
    cname: context(3, PrincipalName),
    transited: context(4, TransitedEncoding),
    authtime: context(5, KerberosTime),
    starttime: optional(context(6, KerberosTime)),
    endtime: context(7, KerberosTime),
    renewTill: optional(context(8, KerberosTime)),
    caddr: optional(context(9, HostAddresses)),
    authorizationData: optional(context(10, AuthorizationData)),
  }),
);
export type EncTicketPart = Infer<typeof EncTicketPart>;
