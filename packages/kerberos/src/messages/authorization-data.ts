import { captured, context, type Infer, int32, optional, sequence } from "@waybill/asn1";
import { AuthorizationData, Checksum, PrincipalName, Realm } from "./basic.ts";

/** AD-IF-RELEVANT ::= AuthorizationData. RFC 4120 section 5.2.6.1. */
export const AdIfRelevant = AuthorizationData;
export type AdIfRelevant = AuthorizationData;

/** AD-MANDATORY-FOR-KDC ::= AuthorizationData. RFC 4120 section 5.2.6.4. */
export const AdMandatoryForKdc = AuthorizationData;

/**
 * RFC 4120 section 5.2.6.2. The checksum (session key, key usage 19) covers `elements.bytes`.
 *
 *     AD-KDCIssued ::= SEQUENCE {
 *       ad-checksum [0] Checksum, i-realm [1] Realm OPTIONAL, i-sname [2] PrincipalName OPTIONAL,
 *       elements [3] AuthorizationData }
 */
export const AdKdcIssued = sequence("AD-KDCIssued", {
  adChecksum: context(0, Checksum),
  iRealm: optional(context(1, Realm)),
  iSname: optional(context(2, PrincipalName)),
  elements: context(3, captured(AuthorizationData)),
});
export type AdKdcIssued = Infer<typeof AdKdcIssued>;

/**
 * RFC 4120 section 5.2.6.3
 *
 *     AD-AND-OR ::= SEQUENCE { condition-count [0] Int32, elements [1] AuthorizationData }
 */
export const AdAndOr = sequence("AD-AND-OR", {
  conditionCount: context(0, int32),
  elements: context(1, AuthorizationData),
});
export type AdAndOr = Infer<typeof AdAndOr>;
