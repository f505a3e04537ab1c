import { type ErrorFamily, WaybillError } from "@waybill/base";
import { ResultCode, type ResultCodeName, resultCodeName } from "./registry/result-codes.ts";
import { parseWindowsDiagnostic, type WindowsDiagnostic } from "./registry/windows-codes.ts";

export interface LdapErrorDetails {
  readonly resultCode: ResultCodeName | number;
  /** The server's own text. */
  readonly diagnosticMessage?: string | undefined;
  /** The nearest ancestor that exists, with `noSuchObject` and a few others. */
  readonly matchedDn?: string | undefined;
  /** URLs of servers that may know more. */
  readonly referrals?: readonly string[] | undefined;
  /** What was attempted, as it should read in the message: `modifying CN=KVM01,…`. */
  readonly operation?: string | undefined;
  readonly cause?: unknown;
}

/**
 * A result other than success, RFC 4511 section 4.1.9: what a server answers with and what a client receives.
 * `code` is the result's name in upper case, such as `LDAP_INVALID_CREDENTIALS`.
 */
export class LdapError extends WaybillError {
  readonly resultCode: number;
  readonly resultName: string;
  readonly diagnosticMessage: string;
  readonly matchedDn: string;
  readonly referrals: readonly string[];
  /** AD's own code inside the diagnostic text, when the text has AD's form. */
  readonly windows: WindowsDiagnostic | undefined;

  constructor(details: LdapErrorDetails) {
    const { diagnosticMessage = "", matchedDn = "", referrals = [], operation, cause } = details;
    const resultCode =
      typeof details.resultCode === "number" ? details.resultCode : ResultCode[details.resultCode];
    const resultName = resultCodeName(resultCode);
    const windows = parseWindowsDiagnostic(diagnosticMessage);
    const remedy = windows?.known?.remedy ?? remedies.get(resultCode);
    super(describe(operation, resultName, diagnosticMessage, windows), {
      code: `LDAP_${resultName
        .replace(/[A-Z]+/g, "_$&")
        .replace(/\W+/g, "_")
        .replace(/_$/, "")
        .toUpperCase()}`,
      family: callersFault.has(resultCode) ? "caller" : "peer",
      facts: {
        resultCode,
        resultName,
        ...(diagnosticMessage === "" ? {} : { diagnosticMessage }),
        ...(matchedDn === "" ? {} : { matchedDn }),
        ...(windows?.known === undefined ? {} : { windows: windows.known.name }),
      },
      ...(remedy === undefined ? {} : { remedy }),
      cause,
    });
    this.resultCode = resultCode;
    this.resultName = resultName;
    this.diagnosticMessage = diagnosticMessage;
    this.matchedDn = matchedDn;
    this.referrals = referrals;
    this.windows = windows;
  }

  is(name: ResultCodeName): boolean {
    return this.resultCode === ResultCode[name];
  }
}

/** The connection failed, was closed, or the peer broke the protocol. Operations under way end with it. */
export class LdapConnectionError extends WaybillError {
  constructor(code: LdapConnectionCode, message: string, details: { remedy?: string; cause?: unknown } = {}) {
    super(message, { code, family: families[code], ...details });
  }
}

export type LdapConnectionCode = keyof typeof families;

const families = {
  LDAP_CONNECT_FAILED: "environment",
  LDAP_CONNECTION_LOST: "environment",
  LDAP_CLOSED: "caller",
  LDAP_TLS_FAILED: "environment",
  LDAP_PROTOCOL_ERROR: "peer",
  LDAP_MESSAGE_TOO_BIG: "peer",
  LDAP_SASL_FAILED: "peer",
  LDAP_NO_SERVER_FOUND: "environment",
  LDAP_UNPROTECTED_PASSWORD: "caller",
  LDAP_USAGE: "caller",
} as const satisfies Record<string, ErrorFamily>;

/** A DN, filter or attribute value given as text cannot be read. */
export class LdapSyntaxError extends WaybillError {
  constructor(what: "DN" | "filter", problem: string, position: number) {
    super(`not a valid ${what}: ${problem} at position ${position}`, {
      code: what === "DN" ? "LDAP_BAD_DN" : "LDAP_BAD_FILTER",
      family: "caller",
      facts: { problem, position },
      remedy:
        what === "DN"
          ? 'Write names as in RFC 4514, with a backslash before , + " \\ < > ; inside values.'
          : "Write filters as in RFC 4515; ( ) * \\ inside values are written \\28 \\29 \\2a \\5c.",
    });
  }
}

const callersFault = new Set<number>([
  ResultCode.invalidCredentials,
  ResultCode.invalidDNSyntax,
  ResultCode.noSuchObject,
  ResultCode.insufficientAccessRights,
  ResultCode.entryAlreadyExists,
  ResultCode.attributeOrValueExists,
  ResultCode.noSuchAttribute,
  ResultCode.strongerAuthRequired,
]);

const remedies = new Map<number, string>([
  [ResultCode.invalidCredentials, "Check the name and the password or ticket."],
  [ResultCode.strongerAuthRequired, "Bind with SASL sign and seal, or use LDAPS or StartTLS."],
  [ResultCode.confidentialityRequired, "Use LDAPS, StartTLS or SASL with seal."],
  [ResultCode.insufficientAccessRights, "Use an account that has the right, or have it delegated."],
  [ResultCode.busy, "Try again in a moment."],
  [ResultCode.unavailable, "Try another server, or again later."],
]);

function describe(
  operation: string | undefined,
  resultName: string,
  diagnosticMessage: string,
  windows: WindowsDiagnostic | undefined,
): string {
  const known = windows?.known;
  const text = known === undefined ? printable(diagnosticMessage) : `${known.meaning} (${known.name})`;
  return `${operation === undefined ? "" : `${operation}: `}${resultName}${text === "" ? "" : `: ${text}`}`;
}

/** A peer's text on one line and of bearable length. */
function printable(text: string): string {
  return text
    .replace(/\p{Cc}+/gu, " ")
    .trim()
    .slice(0, 500);
}
