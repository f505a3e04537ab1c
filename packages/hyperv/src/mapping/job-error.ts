import { formatHresult } from "@waybill/wsman";
import { ErrorTypeNumber, type MsvmError } from "../classes/msvm-error.ts";
import type { JobError, JobErrorType } from "../model/job.ts";

/**
 * Msvm_Error has no property for an HRESULT: Hyper-V puts it into the text, and so do we, in parentheses at the end
 * when the message does not name it already; MessageArguments[0] repeats it.
 */
export function toMsvmError(error: JobError): MsvmError {
  const hresult = error.hresult === undefined ? undefined : formatHresult(error.hresult);
  const named = hresult === undefined || error.message.includes(hresult);
  return {
    ErrorType: ErrorTypeNumber[error.errorType ?? "other"],
    OwningEntity: "Waybill",
    Message: named ? error.message : `${error.message} (${hresult})`,
    CIMStatusCode: 1,
    ...(error.code === undefined ? {} : { MessageID: error.code }),
    ...(hresult === undefined ? {} : { MessageArguments: [hresult] }),
    ...(error.remedies.length === 0 ? {} : { RecommendedActions: error.remedies }),
  };
}

export function fromMsvmError(error: MsvmError): JobError {
  const message = error.Message ?? error.ProbableCauseDescription ?? "the host gave no message";
  return {
    message: message.replace(/ \(0x[0-9A-F]{8}\)$/, (code) => (error.OwningEntity === "Waybill" ? "" : code)),
    hresult: hresultIn(error.MessageArguments?.[0] ?? "") ?? hresultIn(message),
    errorType: errorTypeOf(error.ErrorType),
    code: error.MessageID,
    remedies: error.RecommendedActions ?? [],
  };
}

/** Hyper-V writes `(0x8009030E)` or `('General access denied error', 0x80070005)`. */
function hresultIn(text: string): number | undefined {
  const match = /\b0x([89A-F][0-9A-F]{7})\b/i.exec(text);
  return match?.[1] === undefined ? undefined : Number.parseInt(match[1], 16);
}

function errorTypeOf(value: number | undefined): JobErrorType {
  for (const [name, number] of Object.entries(ErrorTypeNumber))
    if (number === value) return name as JobErrorType;
  return "other";
}
