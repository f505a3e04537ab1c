import { application, context, flags, type Infer, int32, optional, sequence } from "@waybill/asn1";
import {
  AuthorizationData,
  Checksum,
  EncryptedData,
  EncryptionKey,
  KerberosTime,
  Microseconds,
  PrincipalName,
  Realm,
  UInt32,
} from "./basic.ts";
import { Ticket } from "./ticket.ts";

/**
 * RFC 4120 section 5.5.1
 *
 *     AP-REQ ::= [APPLICATION 14] SEQUENCE {
 *       pvno [0] INTEGER (5), msg-type [1] INTEGER (14), ap-options [2] APOptions, ticket [3] Ticket,
 *       authenticator [4] EncryptedData -- Authenticator }
 */
export const ApReq = application(
  14,
  sequence("AP-REQ", {
    pvno: context(0, int32),
    msgType: context(1, int32),
    apOptions: context(2, flags),
    ticket: context(3, Ticket),
    authenticator: context(4, EncryptedData),
  }),
);
export type ApReq = Infer<typeof ApReq>;

/**
 * RFC 4120 section 5.5.1. Encrypted in the ticket's session key, key usage 11 (7 in a TGS-REQ).
 *
 *     Authenticator ::= [APPLICATION 2] SEQUENCE {
 *       authenticator-vno [0] INTEGER (5), crealm [1] Realm, cname [2] PrincipalName, cksum [3] Checksum OPTIONAL,
 *       cusec [4] Microseconds, ctime [5] KerberosTime, subkey [6] EncryptionKey OPTIONAL,
 *       seq-number [7] UInt32 OPTIONAL, authorization-data [8] AuthorizationData OPTIONAL }
 */
export const Authenticator = application(
  2,
  sequence("Authenticator", {
    authenticatorVno: context(0, int32),
    crealm: context(1, Realm),
    cname: context(2, PrincipalName),
    cksum: optional(context(3, Checksum)),
    cusec: context(4, Microseconds),
    ctime: context(5, KerberosTime),
    subkey: optional(context(6, EncryptionKey)),
    seqNumber: optional(context(7, UInt32)),
    authorizationData: optional(context(8, AuthorizationData)),
  }),
);
export type Authenticator = Infer<typeof Authenticator>;

/**
 * RFC 4120 section 5.5.2
 *
 *     AP-REP ::= [APPLICATION 15] SEQUENCE {
 *       pvno [0] INTEGER (5), msg-type [1] INTEGER (15), enc-part [2] EncryptedData -- EncAPRepPart }
 */
export const ApRep = application(
  15,
  sequence("AP-REP", {
    pvno: context(0, int32),
    msgType: context(1, int32),
    encPart: context(2, EncryptedData),
  }),
);
export type ApRep = Infer<typeof ApRep>;

/**
 * RFC 4120 section 5.5.2. Key usage 12.
 *
 *     EncAPRepPart ::= [APPLICATION 27] SEQUENCE {
 *       ctime [0] KerberosTime, cusec [1] Microseconds, subkey [2] EncryptionKey OPTIONAL, seq-number [3] UInt32 OPTIONAL }
 */
export const EncApRepPart = application(
  27,
  sequence("EncAPRepPart", {
    ctime: context(0, KerberosTime),
    cusec: context(1, Microseconds),
    subkey: optional(context(2, EncryptionKey)),
    seqNumber: optional(context(3, UInt32)),
  }),
);
export type EncApRepPart = Infer<typeof EncApRepPart>;
