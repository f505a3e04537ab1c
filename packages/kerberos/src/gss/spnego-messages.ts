import {
  any,
  captured,
  choice,
  context,
  enumerated,
  flags,
  type Infer,
  objectIdentifier,
  octetString,
  optional,
  sequence,
  sequenceOf,
} from "@waybill/asn1";
import { decoding } from "./gss-error.ts";
import { MechanismOid } from "./mechanism-oid.ts";
import { frameToken } from "./token-frame.ts";

/** MechTypeList ::= SEQUENCE OF OBJECT IDENTIFIER. RFC 4178 section 4.1. */
export const MechTypeList = sequenceOf(objectIdentifier);

/**
 * RFC 4178 section 4.2.1. The MIC of the exchange covers `mechTypes.bytes`. Windows as acceptor writes hints into
 * [3] and the MIC into [4] (MS-SPNG 2.2.1), so both are read as whatever they are.
 *
 *     NegTokenInit ::= SEQUENCE {
 *       mechTypes [0] MechTypeList, reqFlags [1] ContextFlags OPTIONAL, mechToken [2] OCTET STRING OPTIONAL,
 *       mechListMIC [3] OCTET STRING OPTIONAL }
 */
export const NegTokenInit = sequence("NegTokenInit", {
  mechTypes: context(0, captured(MechTypeList)),
  reqFlags: optional(context(1, flags)),
  mechToken: optional(context(2, octetString)),
  hintsOrMic: optional(context(3, any)),
  mechListMic: optional(context(4, octetString)),
});
export type NegTokenInit = Infer<typeof NegTokenInit>;

/** RFC 4178 section 4.2.2 */
export const NegState = { acceptCompleted: 0, acceptIncomplete: 1, reject: 2, requestMic: 3 } as const;

/**
 * RFC 4178 section 4.2.2
 *
 *     NegTokenResp ::= SEQUENCE {
 *       negState [0] ENUMERATED OPTIONAL, supportedMech [1] MechType OPTIONAL, responseToken [2] OCTET STRING OPTIONAL,
 *       mechListMIC [3] OCTET STRING OPTIONAL }
 */
export const NegTokenResp = sequence("NegTokenResp", {
  negState: optional(context(0, enumerated)),
  supportedMech: optional(context(1, objectIdentifier)),
  responseToken: optional(context(2, octetString)),
  mechListMic: optional(context(3, octetString)),
});
export type NegTokenResp = Infer<typeof NegTokenResp>;

/** RFC 4178 section 4.2: NegotiationToken ::= CHOICE { negTokenInit [0], negTokenResp [1] } */
export const NegotiationToken = choice("NegotiationToken", {
  init: context(0, NegTokenInit),
  response: context(1, NegTokenResp),
});

/** A NegTokenInit as the first token carries it, in its frame: RFC 4178 section 4.2.1. */
export function encodeInit(value: NegTokenInit): Uint8Array {
  return frameToken(MechanismOid.spnego, NegotiationToken.encode({ kind: "init", value }));
}

/** A NegTokenResp: RFC 4178 section 4.2.2. */
export function encodeResponse(value: NegTokenResp): Uint8Array {
  return NegotiationToken.encode({ kind: "response", value });
}

/** @throws GssError GSS_DEFECTIVE_TOKEN */
export function decodeNegotiation(bytes: Uint8Array): Infer<typeof NegotiationToken> {
  return decoding("NegotiationToken", () => NegotiationToken.decode(bytes, { rules: "ber" }));
}
