import {
  application,
  captured,
  context,
  type Infer,
  int32,
  octetString,
  optional,
  sequence,
} from "@waybill/asn1";
import { Checksum, EncryptedData, HostAddress, KerberosTime, Microseconds, UInt32 } from "./basic.ts";

/**
 * RFC 4120 section 5.6.1
 *
 *     KRB-SAFE-BODY ::= SEQUENCE {
 *       user-data [0] OCTET STRING, timestamp [1] KerberosTime OPTIONAL, usec [2] Microseconds OPTIONAL,
 *       seq-number [3] UInt32 OPTIONAL, s-address [4] HostAddress, r-address [5] HostAddress OPTIONAL }
 */
export const KrbSafeBody = sequence("KRB-SAFE-BODY", {
  userData: context(0, octetString),
  timestamp: optional(context(1, KerberosTime)),
  usec: optional(context(2, Microseconds)),
  seqNumber: optional(context(3, UInt32)),
  sAddress: context(4, HostAddress),
  rAddress: optional(context(5, HostAddress)),
});
export type KrbSafeBody = Infer<typeof KrbSafeBody>;

/**
 * RFC 4120 section 5.6.1. The checksum (key usage 15) covers `safeBody.bytes`.
 *
 *     KRB-SAFE ::= [APPLICATION 20] SEQUENCE {
 *       pvno [0] INTEGER (5), msg-type [1] INTEGER (20), safe-body [2] KRB-SAFE-BODY, cksum [3] Checksum }
 */
export const KrbSafe = application(
  20,
  sequence("KRB-SAFE", {
    pvno: context(0, int32),
    msgType: context(1, int32),
    safeBody: context(2, captured(KrbSafeBody)),
    cksum: context(3, Checksum),
  }),
);
export type KrbSafe = Infer<typeof KrbSafe>;

/**
 * RFC 4120 section 5.7.1. There is no [2].
 *
 *     KRB-PRIV ::= [APPLICATION 21] SEQUENCE {
 *       pvno [0] INTEGER (5), msg-type [1] INTEGER (21), enc-part [3] EncryptedData -- EncKrbPrivPart }
 */
export const KrbPriv = application(
  21,
  sequence("KRB-PRIV", {
    pvno: context(0, int32),
    msgType: context(1, int32),
    encPart: context(3, EncryptedData),
  }),
);
export type KrbPriv = Infer<typeof KrbPriv>;

/**
 * RFC 4120 section 5.7.1. Key usage 13.
 *
 *     EncKrbPrivPart ::= [APPLICATION 28] SEQUENCE {
 *       user-data [0] OCTET STRING, timestamp [1] KerberosTime OPTIONAL, usec [2] Microseconds OPTIONAL,
 *       seq-number [3] UInt32 OPTIONAL, s-address [4] HostAddress, r-address [5] HostAddress OPTIONAL }
 */
export const EncKrbPrivPart = application(
  28,
  sequence("EncKrbPrivPart", {
    userData: context(0, octetString),
    timestamp: optional(context(1, KerberosTime)),
    usec: optional(context(2, Microseconds)),
    seqNumber: optional(context(3, UInt32)),
    sAddress: context(4, HostAddress),
    rAddress: optional(context(5, HostAddress)),
  }),
);
export type EncKrbPrivPart = Infer<typeof EncKrbPrivPart>;
