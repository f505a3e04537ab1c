import { KerberosError } from "../errors.ts";

/** Every way a PAC can be refused. */
export type PacErrorCode =
  | "PAC_MALFORMED"
  | "PAC_DUPLICATE_BUFFER"
  | "PAC_INVALID_VALUE"
  | "PAC_INVALID_SID"
  | "PAC_NOT_IN_TICKET"
  | "PAC_SIGNATURE_MISSING"
  | "PAC_SIGNATURE_TYPE_REFUSED"
  | "PAC_SERVER_SIGNATURE_INVALID"
  | "PAC_KDC_SIGNATURE_INVALID"
  | "PAC_TICKET_SIGNATURE_INVALID"
  | "PAC_FULL_SIGNATURE_INVALID"
  | "PAC_CLIENT_MISMATCH";

const callers: ReadonlySet<PacErrorCode> = new Set(["PAC_INVALID_VALUE", "PAC_INVALID_SID"]);

/** A PAC that cannot be read, trusted or written; `code` names the check that failed. */
export class PacError extends KerberosError {
  declare readonly code: PacErrorCode;

  constructor(
    code: PacErrorCode,
    message: string,
    facts?: Readonly<Record<string, string | number | boolean>>,
  ) {
    super(message, { code, family: callers.has(code) ? "caller" : "peer", facts });
  }
}

/** The PAC's bytes do not follow [MS-PAC] or NDR; `where` is a path such as `LOGON_INFO.GroupIds`. */
export function malformed(where: string, what: string): PacError {
  return new PacError("PAC_MALFORMED", `malformed PAC at ${where}: ${what}`, { where });
}
