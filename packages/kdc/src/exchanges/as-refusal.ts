import { Asn1Error } from "@waybill/asn1";
import { ErrorCode, type ErrorCodeName, KerberosError, PacError } from "@waybill/kerberos";
import { KdcRefusal } from "./refusal.ts";

/** What a peer can cause is a refusal; `undefined` for anything that is our own fault. */
export function asRefusal(error: unknown): KdcRefusal | undefined {
  if (error instanceof KdcRefusal) return error;
  if (error instanceof Asn1Error) {
    return new KdcRefusal("KRB_ERR_GENERIC", error.message, { reason: "malformed-request", cause: error });
  }
  if (error instanceof PacError) {
    return new KdcRefusal("KRB_AP_ERR_MODIFIED", error.message, { reason: pacReason(error), cause: error });
  }
  if (error instanceof KerberosError && error.code in ErrorCode) {
    return new KdcRefusal(error.code as ErrorCodeName, error.message, {
      reason: error.code === "KRB_AP_ERR_BAD_INTEGRITY" ? "wrong-key-or-changed" : "cryptography",
      cause: error,
    });
  }
  if (error instanceof KerberosError) {
    return new KdcRefusal("KRB_ERR_GENERIC", error.message, { reason: "malformed-request", cause: error });
  }
  return undefined;
}

function pacReason(error: PacError): string {
  return error.code.toLowerCase().replaceAll("_", "-");
}
