import { context, type Infer, int32, octetString, optional, sequence } from "@waybill/asn1";
import { Realm } from "./basic.ts";

/**
 * MS-KKDCP section 2.2.2. `kerbMessage` starts with the four-byte length that Kerberos has over TCP.
 *
 *     KDC-PROXY-MESSAGE ::= SEQUENCE {
 *       kerb-message [0] OCTET STRING, target-domain [1] Realm OPTIONAL, dclocator-hint [2] INTEGER OPTIONAL }
 */
export const KdcProxyMessage = sequence("KDC-PROXY-MESSAGE", {
  kerbMessage: context(0, octetString),
  targetDomain: optional(context(1, Realm)),
  dclocatorHint: optional(context(2, int32)),
});
export type KdcProxyMessage = Infer<typeof KdcProxyMessage>;
