import {
  boolean,
  choice,
  defaulted,
  enumerated,
  type Infer,
  implicit,
  implicitApplication,
  integer,
  nullValue,
  octetString,
  optional,
  sequence,
  sequenceOf,
  setOf,
} from "@waybill/asn1";
import { filterSchema } from "./filter-schema.ts";
import { ldapString } from "./ldap-string.ts";

// Every type of RFC 4511 section 4 and appendix B. All tags are IMPLICIT unless a CHOICE lies under them.

const maxInt = 0x7fffffff;
const messageId = integer({ min: 0, max: maxInt });
const limit = integer({ min: 0, max: maxInt });

/** Control ::= SEQUENCE { controlType LDAPOID, criticality BOOLEAN DEFAULT FALSE, controlValue OCTET STRING OPTIONAL } */
export const Control = sequence("Control", {
  controlType: ldapString,
  criticality: defaulted(boolean, false),
  controlValue: optional(octetString),
});
export type Control = Infer<typeof Control>;

/** PartialAttribute ::= SEQUENCE { type AttributeDescription, vals SET OF value AttributeValue } */
const partialAttribute = sequence("PartialAttribute", {
  type: ldapString,
  vals: setOf(octetString),
});

const assertion = sequence("AttributeValueAssertion", {
  attributeDesc: ldapString,
  assertionValue: octetString,
});

/**
 * LDAPResult ::= SEQUENCE { resultCode ENUMERATED, matchedDN LDAPDN, diagnosticMessage LDAPString,
 *   referral [3] Referral OPTIONAL }
 */
const resultFields = {
  resultCode: enumerated,
  matchedDN: ldapString,
  diagnosticMessage: ldapString,
  referral: optional(implicit(3, sequenceOf(ldapString))),
} as const;

export const LdapResult = sequence("LDAPResult", resultFields);
export type LdapResult = Infer<typeof LdapResult>;

/** BindRequest ::= [APPLICATION 0] SEQUENCE { version INTEGER (1..127), name LDAPDN, authentication AuthenticationChoice } */
const bindRequest = sequence("BindRequest", {
  version: integer({ min: 1, max: 127 }),
  name: ldapString,
  authentication: choice("AuthenticationChoice", {
    simple: implicit(0, octetString),
    sasl: implicit(
      3,
      sequence("SaslCredentials", { mechanism: ldapString, credentials: optional(octetString) }),
    ),
    // MS-ADTS 5.1.1.1.3: NTLM without SASL. Named so that it can be refused by name.
    sicilyPackageDiscovery: implicit(9, octetString),
    sicilyNegotiate: implicit(10, octetString),
    sicilyResponse: implicit(11, octetString),
  }),
});
export type BindRequest = Infer<typeof bindRequest>;

/** BindResponse ::= [APPLICATION 1] SEQUENCE { COMPONENTS OF LDAPResult, serverSaslCreds [7] OCTET STRING OPTIONAL } */
const bindResponse = sequence("BindResponse", {
  ...resultFields,
  serverSaslCreds: optional(implicit(7, octetString)),
});
export type BindResponse = Infer<typeof bindResponse>;

/** SearchRequest ::= [APPLICATION 3] SEQUENCE { baseObject, scope, derefAliases, sizeLimit, timeLimit, typesOnly, filter, attributes } */
const searchRequest = sequence("SearchRequest", {
  baseObject: ldapString,
  scope: enumerated,
  derefAliases: enumerated,
  sizeLimit: limit,
  timeLimit: limit,
  typesOnly: boolean,
  filter: filterSchema,
  attributes: sequenceOf(ldapString),
});
export type SearchRequest = Infer<typeof searchRequest>;

const searchResultEntry = sequence("SearchResultEntry", {
  objectName: ldapString,
  attributes: sequenceOf(partialAttribute),
});
export type SearchResultEntry = Infer<typeof searchResultEntry>;

const modifyRequest = sequence("ModifyRequest", {
  object: ldapString,
  changes: sequenceOf(sequence("change", { operation: enumerated, modification: partialAttribute })),
});
export type ModifyRequest = Infer<typeof modifyRequest>;

const addRequest = sequence("AddRequest", {
  entry: ldapString,
  attributes: sequenceOf(partialAttribute),
});
export type AddRequest = Infer<typeof addRequest>;

/** ModifyDNRequest ::= [APPLICATION 12] SEQUENCE { entry, newrdn, deleteoldrdn BOOLEAN, newSuperior [0] LDAPDN OPTIONAL } */
const modifyDnRequest = sequence("ModifyDNRequest", {
  entry: ldapString,
  newrdn: ldapString,
  deleteoldrdn: boolean,
  newSuperior: optional(implicit(0, ldapString)),
});
export type ModifyDnRequest = Infer<typeof modifyDnRequest>;

const compareRequest = sequence("CompareRequest", { entry: ldapString, ava: assertion });
export type CompareRequest = Infer<typeof compareRequest>;

/** ExtendedRequest ::= [APPLICATION 23] SEQUENCE { requestName [0] LDAPOID, requestValue [1] OCTET STRING OPTIONAL } */
const extendedRequest = sequence("ExtendedRequest", {
  requestName: implicit(0, ldapString),
  requestValue: optional(implicit(1, octetString)),
});
export type ExtendedRequest = Infer<typeof extendedRequest>;

const extendedResponse = sequence("ExtendedResponse", {
  ...resultFields,
  responseName: optional(implicit(10, ldapString)),
  responseValue: optional(implicit(11, octetString)),
});
export type ExtendedResponse = Infer<typeof extendedResponse>;

const intermediateResponse = sequence("IntermediateResponse", {
  responseName: optional(implicit(0, ldapString)),
  responseValue: optional(implicit(1, octetString)),
});

const protocolOp = choice("protocolOp", {
  bindRequest: implicitApplication(0, bindRequest),
  bindResponse: implicitApplication(1, bindResponse),
  unbindRequest: implicitApplication(2, nullValue),
  searchRequest: implicitApplication(3, searchRequest),
  searchResEntry: implicitApplication(4, searchResultEntry),
  searchResDone: implicitApplication(5, LdapResult),
  searchResRef: implicitApplication(19, sequenceOf(ldapString)),
  modifyRequest: implicitApplication(6, modifyRequest),
  modifyResponse: implicitApplication(7, LdapResult),
  addRequest: implicitApplication(8, addRequest),
  addResponse: implicitApplication(9, LdapResult),
  delRequest: implicitApplication(10, ldapString),
  delResponse: implicitApplication(11, LdapResult),
  modDNRequest: implicitApplication(12, modifyDnRequest),
  modDNResponse: implicitApplication(13, LdapResult),
  compareRequest: implicitApplication(14, compareRequest),
  compareResponse: implicitApplication(15, LdapResult),
  abandonRequest: implicitApplication(16, messageId),
  extendedReq: implicitApplication(23, extendedRequest),
  extendedResp: implicitApplication(24, extendedResponse),
  intermediateResponse: implicitApplication(25, intermediateResponse),
});
export type ProtocolOp = Infer<typeof protocolOp>;

/** LDAPMessage ::= SEQUENCE { messageID MessageID, protocolOp CHOICE {…}, controls [0] Controls OPTIONAL } */
export const LdapMessage = sequence("LDAPMessage", {
  messageID: messageId,
  protocolOp,
  controls: optional(implicit(0, sequenceOf(Control))),
});
export type LdapMessage = Infer<typeof LdapMessage>;

/** Nesting a filter may have, and everything around it. */
const maxDepth = 200;

/** @throws Asn1Error */
export function decodeMessage(bytes: Uint8Array): LdapMessage {
  return LdapMessage.decode(bytes, { rules: "ber", maxDepth, maxSize: bytes.length });
}

/** @throws Asn1Error when a value does not fit, such as a message id out of range. */
export function encodeMessage(message: LdapMessage): Uint8Array {
  return LdapMessage.encode(message);
}
