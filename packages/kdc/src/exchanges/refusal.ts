import { type LogFacts, WaybillError } from "@waybill/base";
import { ErrorCode, type ErrorCodeName, errorCodeName, type PaData } from "@waybill/kerberos";
import type { Reason, Refusal } from "../policy/index.ts";

export interface RefusalDetails {
  /** Why, as a stable name in lower case with dashes. Shown in the log; the client gets only the code. */
  readonly reason: string;
  /** NTSTATUS for KERB-ERROR-DATA, when Active Directory sends one. */
  readonly ntStatus?: number | undefined;
  /** What the client may try next, for a METHOD-DATA. */
  readonly methodData?: readonly PaData[] | undefined;
  readonly facts?: LogFacts | undefined;
  /** Policy's own words, when policy refused. */
  readonly reasons?: readonly Reason[] | undefined;
  readonly cause?: unknown;
}

/** The KDC will not issue the ticket: a KRB-ERROR code for the client and a named reason for the administrator. */
export class KdcRefusal extends WaybillError {
  readonly errorCode: number;
  readonly reason: string;
  readonly ntStatus: number | undefined;
  readonly methodData: readonly PaData[] | undefined;
  readonly reasons: readonly Reason[];
  readonly logFacts: LogFacts;

  constructor(code: ErrorCodeName | number, message: string, details: RefusalDetails) {
    const name = typeof code === "number" ? errorCodeName(code) : code;
    super(message, { code: name, family: "peer", cause: details.cause, facts: { reason: details.reason } });
    this.errorCode = typeof code === "number" ? code : ErrorCode[code];
    this.reason = details.reason;
    this.ntStatus = details.ntStatus;
    this.methodData = details.methodData;
    this.reasons = details.reasons ?? [];
    this.logFacts = details.facts ?? {};
  }
}

/** Lets a decision of the policy through, or throws its refusal. */
export function granted<T extends { readonly allowed: boolean }>(
  decision: T,
): Exclude<T, { readonly allowed: false }> {
  if (isRefusal(decision)) {
    const [first] = decision.reasons;
    throw new KdcRefusal(decision.errorCode, first.sentence, {
      reason: first.id,
      ntStatus: decision.ntStatus,
      reasons: decision.reasons,
    });
  }
  return decision as Exclude<T, { readonly allowed: false }>;
}

function isRefusal(decision: { readonly allowed: boolean }): decision is Refusal {
  return !decision.allowed;
}
