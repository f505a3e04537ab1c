import { Asn1Error } from "@waybill/asn1";
import { formatEncType } from "../crypto/enctype-names.ts";
import { KerberosError, type KerberosErrorDetails } from "../errors.ts";

/** Failures that are GSS-API's own; Kerberos failures keep the names of RFC 4120 and of the PAC. */
export type GssErrorCode =
  | "GSS_DEFECTIVE_TOKEN"
  | "GSS_BAD_MECHANISM"
  | "GSS_BAD_MIC"
  | "GSS_BAD_BINDINGS"
  | "GSS_DUPLICATE_TOKEN"
  | "GSS_OLD_TOKEN"
  | "GSS_OUT_OF_SEQUENCE"
  | "GSS_WRONG_DIRECTION"
  | "GSS_NO_CONTEXT"
  | "GSS_NO_CREDENTIAL"
  | "GSS_CONTEXT_COMPLETE"
  | "GSS_ENCTYPE_UNSUPPORTED"
  | "GSS_INVALID_VALUE"
  | "REPLAY_CACHE_FAILED"
  | "REPLAY_CACHE_FULL"
  | "SPNEGO_NTLM_REFUSED"
  | "SPNEGO_NO_COMMON_MECHANISM"
  | "SPNEGO_REJECTED"
  | "SPNEGO_MIC_MISSING";

/** What a {@link GssError} carries beside code and message. */
export interface GssErrorDetails extends Omit<KerberosErrorDetails, "code"> {
  /** To be sent to the peer before giving up, when the protocol has a word for this failure. */
  readonly token?: Uint8Array | undefined;
}

/** A security context that could not be made or used. `code` is a {@link GssErrorCode}, a KRB-ERROR name or a PAC one. */
export class GssError extends KerberosError {
  /** What to send to the peer before giving up. */
  readonly token: Uint8Array | undefined;

  constructor(code: string, message: string, details: GssErrorDetails = {}) {
    super(message, { ...details, code });
    this.token = details.token;
  }
}

/** A token that does not follow its specification. */
export function defective(what: string, cause?: unknown): GssError {
  return new GssError("GSS_DEFECTIVE_TOKEN", `defective token: ${what}`, { cause });
}

/** A message or MIC that was not made by the peer for this context, or not like this. */
export function badMic(): GssError {
  return new GssError("GSS_BAD_MIC", "the token fails its integrity check: altered, or of another context");
}

/** A token of this side that somebody sent back. */
export function wrongDirection(): GssError {
  return new GssError("GSS_WRONG_DIRECTION", "the token was made by this side: a reflection");
}

/** A context key of a type that was not allowed: rc4-hmac, unless `etypes` names it. */
export function enctypeRefused(etype: number): GssError {
  return new GssError(
    "GSS_ENCTYPE_UNSUPPORTED",
    `contexts with keys of ${formatEncType(etype)} are not allowed here`,
    {
      family: "environment",
      facts: { etype },
      remedy:
        "Give the service account AES keys: set msDS-SupportedEncryptionTypes to 24 and reset its password. Where RC4 must be, name it in `etypes`.",
    },
  );
}

/** Runs a decoder on a peer's bytes; what does not decode is a defective token. */
export function decoding<T>(what: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (error instanceof Asn1Error) throw defective(`${what} does not decode: ${error.message}`, error);
    throw error;
  }
}
