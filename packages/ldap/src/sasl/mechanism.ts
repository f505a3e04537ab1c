import { LdapConnectionError } from "../errors.ts";

/** SASL mechanisms over GSS-API: MS-ADTS 5.1.1.1.2 and RFC 4752. */
export type SaslMechanism = "GSS-SPNEGO" | "GSSAPI";

/** What protects the messages after the bind. Inside TLS nothing else is needed or allowed by AD. */
export type SaslProtection = "none" | "integrity" | "confidential";

/** Security layers of RFC 4752 section 3.3, as a bit mask. */
export const GssapiLayer = { none: 1, integrity: 2, confidential: 4 } as const;

/** What one side says in the layer negotiation of GSSAPI: a bit mask or choice, and the largest buffer it takes. */
export interface LayerOffer {
  readonly layers: number;
  readonly maxBuffer: number;
  /** Only from the client: act as this identity instead of the authenticated one. */
  readonly authzId: Uint8Array;
}

export const largestBuffer = 0xffffff;

export function encodeLayerOffer(offer: LayerOffer): Uint8Array {
  const bytes = new Uint8Array(4 + offer.authzId.length);
  new DataView(bytes.buffer).setUint32(0, offer.layers * 0x1000000 + offer.maxBuffer);
  bytes.set(offer.authzId, 4);
  return bytes;
}

export function decodeLayerOffer(bytes: Uint8Array): LayerOffer {
  if (bytes.length < 4)
    throw new LdapConnectionError("LDAP_SASL_FAILED", "the peer's SASL layer offer is too short");
  const word = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0);
  return { layers: word >>> 24, maxBuffer: word & largestBuffer, authzId: bytes.subarray(4) };
}
