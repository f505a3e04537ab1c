import {
  application,
  context,
  generalString,
  type Infer,
  int32,
  integer,
  octetString,
  optional,
  sequence,
  sequenceOf,
} from "@waybill/asn1";
import { KerberosTime, Microseconds, PrincipalName, Realm } from "./basic.ts";

/**
 * RFC 4120 section 5.9.1
 *
 *     KRB-ERROR ::= [APPLICATION 30] SEQUENCE {
 *       pvno [0] INTEGER (5), msg-type [1] INTEGER (30), ctime [2] KerberosTime OPTIONAL,
 *       cusec [3] Microseconds OPTIONAL, stime [4] KerberosTime, susec [5] Microseconds, error-code [6] Int32,
 *       crealm [7] Realm OPTIONAL, cname [8] PrincipalName OPTIONAL, realm [9] Realm, sname [10] PrincipalName,
 *       e-text [11] KerberosString OPTIONAL, e-data [12] OCTET STRING OPTIONAL }
 */
export const KrbError = application(
  30,
  sequence("KRB-ERROR", {
    pvno: context(0, int32),
    msgType: context(1, int32),
    ctime: optional(context(2, KerberosTime)),
    cusec: optional(context(3, Microseconds)),
    stime: context(4, KerberosTime),
    susec: context(5, Microseconds),
    errorCode: context(6, int32),
    crealm: optional(context(7, Realm)),
    cname: optional(context(8, PrincipalName)),
    realm: context(9, Realm),
    sname: context(10, PrincipalName),
    eText: optional(context(11, generalString)),
    eData: optional(context(12, octetString)),
  }),
);
export type KrbError = Infer<typeof KrbError>;

/**
 * RFC 4120 section 5.9.1
 *
 *     TYPED-DATA ::= SEQUENCE SIZE (1..MAX) OF SEQUENCE { data-type [0] Int32, data-value [1] OCTET STRING OPTIONAL }
 */
export const TypedData = sequenceOf(
  sequence("TypedDataElement", { dataType: context(0, int32), dataValue: optional(context(1, octetString)) }),
);
export type TypedData = Infer<typeof TypedData>;

/**
 * MS-KILE section 2.2.2. Type 3 (KERB_ERR_TYPE_EXTENDED) holds three little-endian words: NTSTATUS, 0, flags.
 *
 *     KERB-ERROR-DATA ::= SEQUENCE { data-type [1] INTEGER, data-value [2] OCTET STRING OPTIONAL }
 */
export const KerbErrorData = sequence("KERB-ERROR-DATA", {
  dataType: context(1, integer({ min: -0x8000_0000, max: 0x7fff_ffff })),
  dataValue: optional(context(2, octetString)),
});
export type KerbErrorData = Infer<typeof KerbErrorData>;

/** `dataType` of a KERB-ERROR-DATA that carries an NTSTATUS. */
export const kerbErrTypeExtended = 3;
