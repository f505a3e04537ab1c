import {
  captured,
  context,
  flags,
  generalString,
  type Infer,
  octetString,
  optional,
  sequence,
} from "@waybill/asn1";
import { Checksum, Nonce, PrincipalName, Realm } from "./basic.ts";

/**
 * MS-SFU section 2.2.1. The checksum is KERB_CHECKSUM_HMAC_MD5, key usage 17.
 *
 *     PA-FOR-USER ::= SEQUENCE {
 *       userName [0] PrincipalName, userRealm [1] Realm, cksum [2] Checksum, auth-package [3] KerberosString }
 */
export const PaForUser = sequence("PA-FOR-USER", {
  userName: context(0, PrincipalName),
  userRealm: context(1, Realm),
  cksum: context(2, Checksum),
  authPackage: context(3, generalString),
});
export type PaForUser = Infer<typeof PaForUser>;

/**
 * MS-SFU section 2.2.2; the bits are in `S4uUserOptions`.
 *
 *     S4UUserID ::= SEQUENCE {
 *       nonce [0] UInt32, cname [1] PrincipalName OPTIONAL, crealm [2] Realm,
 *       subject-certificate [3] OCTET STRING OPTIONAL, options [4] BIT STRING OPTIONAL }
 */
export const S4uUserId = sequence("S4UUserID", {
  nonce: context(0, Nonce),
  cname: optional(context(1, PrincipalName)),
  crealm: context(2, Realm),
  subjectCertificate: optional(context(3, octetString)),
  options: optional(context(4, flags)),
});
export type S4uUserId = Infer<typeof S4uUserId>;

/**
 * MS-SFU section 2.2.2. The checksum (key usage 26, 27 in a reply) covers `userId.bytes`.
 *
 *     PA-S4U-X509-USER ::= SEQUENCE { user-id [0] S4UUserID, checksum [1] Checksum }
 */
export const PaS4uX509User = sequence("PA-S4U-X509-USER", {
  userId: context(0, captured(S4uUserId)),
  checksum: context(1, Checksum),
});
export type PaS4uX509User = Infer<typeof PaS4uX509User>;
