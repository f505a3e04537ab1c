import { objectIdentifier } from "@waybill/asn1";
import { concatBytes } from "@waybill/base";
import { decoding, defective } from "./gss-error.ts";

/** Two-octet token identifiers in front of the Kerberos message: RFC 4121 section 4.1. */
export const TokenId = {
  apReq: 0x0100,
  apRep: 0x0200,
  krbError: 0x0300,
} as const;

/** A framed token: its mechanism and what follows the identifier. */
export interface FramedToken {
  readonly mechanism: string;
  readonly body: Uint8Array;
}

const applicationTag = 0x60;
const maxToken = 1 << 20;

/** Whether the bytes look like a token in the frame of RFC 2743 section 3.1. */
export function isFramed(token: Uint8Array): boolean {
  return token[0] === applicationTag;
}

/** InitialContextToken ::= [APPLICATION 0] IMPLICIT SEQUENCE { thisMech OID, innerToken ANY }: RFC 2743 section 3.1. */
export function frameToken(mechanism: string, body: Uint8Array): Uint8Array {
  const oid = objectIdentifier.encode(mechanism);
  const length = oid.length + body.length;
  const octets = length < 0x80 ? 0 : length < 0x100 ? 1 : length < 0x10000 ? 2 : length < 0x1000000 ? 3 : 4;
  const head = octets === 0 ? [length] : [0x80 | octets];
  for (let at = octets - 1; at >= 0; at--) head.push((length >>> (8 * at)) & 0xff);
  return concatBytes(Uint8Array.of(applicationTag, ...head), oid, body);
}

/** Where a frame's contents lie: `end` may be short of the token's end, where more follows the frame. */
export interface Frame {
  readonly mechanism: string;
  /** Behind the mechanism's identifier. */
  readonly start: number;
  readonly end: number;
}

/** @throws GssError GSS_DEFECTIVE_TOKEN */
export function readFrame(token: Uint8Array): Frame {
  if (!isFramed(token) || token.length < 4) throw defective("not framed as an initial context token");
  const first = token[1] ?? 0;
  const count = first < 0x80 ? 0 : first & 0x7f;
  if (count > 4 || first === 0x80) throw defective("bad length");
  let length = first;
  if (count > 0) {
    length = 0;
    for (let index = 0; index < count; index++) length = length * 256 + (token[2 + index] ?? 0);
  }
  const content = 2 + count;
  const end = content + length;
  if (end > token.length) throw defective("its length is not the frame's");
  const oid = decoding("mechanism", () => objectIdentifier.decodePrefix(token.subarray(content, end)));
  return { mechanism: oid.value, start: content + oid.length, end };
}

/** @throws GssError GSS_DEFECTIVE_TOKEN */
export function unframeToken(token: Uint8Array): FramedToken {
  if (token.length > maxToken) throw defective(`${token.length} octets are too many`);
  const { mechanism, start, end } = readFrame(token);
  if (end !== token.length) throw defective("its length is not the frame's");
  return { mechanism, body: token.subarray(start) };
}

/** A Kerberos context token: identifier and message in the mechanism's frame. */
export function frameKrb5(id: number, message: Uint8Array, mechanism: string): Uint8Array {
  return frameToken(mechanism, concatBytes(Uint8Array.of(id >>> 8, id & 0xff), message));
}
