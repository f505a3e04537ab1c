import { type ErrorFamily, WaybillError } from "@waybill/base";
import type { KrbError } from "./messages/error.ts";

/** One possible reason of a refusal and what would lift it. */
export interface RankedCause {
  readonly cause: string;
  /** What to change, where. */
  readonly remedy: string;
}

/** What can be said about a code that hides many reasons. */
export interface Explanation {
  /** Facts this side knows for certain: whose evidence, its flags, what was asked. */
  readonly known: readonly string[];
  /** Possible reasons, the likeliest first. */
  readonly causes: readonly RankedCause[];
}

/** What a KerberosError is made of, beside its message. */
export interface KerberosErrorDetails {
  /** A name from `ErrorCode` for what a KDC or peer said, else one of this package's own stable names. */
  readonly code: string;
  readonly family?: ErrorFamily | undefined;
  readonly remedy?: string | undefined;
  readonly facts?: Readonly<Record<string, string | number | boolean>> | undefined;
  readonly cause?: unknown;
  /** The decoded KRB-ERROR, when the failure came as one. */
  readonly krbError?: KrbError | undefined;
  /** NTSTATUS from the error's e-data, unsigned; see `ntStatusName`. */
  readonly ntStatus?: number | undefined;
  readonly explanation?: Explanation | undefined;
}

/** Every failure of this package. `code` is stable: `KDC_ERR_…`/`KRB_AP_ERR_…` as registered, or a name of ours. */
export class KerberosError extends WaybillError {
  readonly krbError: KrbError | undefined;
  readonly ntStatus: number | undefined;
  readonly explanation: Explanation | undefined;

  constructor(message: string, details: KerberosErrorDetails) {
    super(message, {
      code: details.code,
      family: details.family ?? "peer",
      ...(details.remedy === undefined ? {} : { remedy: details.remedy }),
      ...(details.facts === undefined ? {} : { facts: details.facts }),
      cause: details.cause,
    });
    this.krbError = details.krbError;
    this.ntStatus = details.ntStatus;
    this.explanation = details.explanation;
  }

  override toJSON(): Record<string, unknown> {
    return {
      ...super.toJSON(),
      ...(this.ntStatus === undefined
        ? {}
        : { ntStatus: `0x${this.ntStatus.toString(16).padStart(8, "0")}` }),
      ...(this.explanation === undefined ? {} : { explanation: this.explanation }),
    };
  }
}
