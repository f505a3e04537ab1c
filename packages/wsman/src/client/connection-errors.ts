import { systemCode, WaybillError } from "@waybill/base";
import { WsmanError } from "../errors.ts";

/** Errors of a connection: each with the host it concerns and what to do about it. */

export function authenticationFailed(host: string, message: string): WsmanError {
  return new WsmanError(message, {
    code: "WSMAN_AUTHENTICATION_FAILED",
    family: "peer",
    httpStatus: 401,
    facts: { host },
    remedy:
      "Check that the ticket is for this host (SPN WSMAN/<host>), that clocks agree and that the account may sign in.",
  });
}

export function refusedIdentity(host: string): WsmanError {
  return authenticationFailed(host, `${host} refused the caller's identity (HTTP 401)`);
}

export function httpRefused(host: string, status: number): WsmanError {
  if (status === 503) {
    return new WsmanError(`${host} cannot serve requests at the moment (HTTP 503)`, {
      code: "WSMAN_UNAVAILABLE",
      family: "environment",
      httpStatus: status,
      facts: { host },
      remedy: "Wait a moment; if it stays so, look whether the host's service runs.",
    });
  }
  return new WsmanError(`${host} answered with HTTP status ${status}`, {
    code: "WSMAN_HTTP_STATUS",
    family: "peer",
    httpStatus: status,
    facts: { host, status },
  });
}

export function answerUnsealed(host: string, status: number): WsmanError {
  return new WsmanError(`${host} answered in clear although the message was sealed`, {
    code: "WSMAN_ANSWER_UNSEALED",
    family: "peer",
    httpStatus: status,
    facts: { host },
    remedy: "Something between the two hosts may be answering instead of the management service.",
  });
}

export function answerTooLarge(host: string, limit: number): WsmanError {
  return new WsmanError(`${host} sent an answer of more than ${limit} bytes`, {
    code: "WSMAN_ANSWER_TOO_LARGE",
    family: "peer",
    facts: { host, limit },
  });
}

const lossCodes = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED"]);

export function isConnectionLoss(error: unknown): boolean {
  return error instanceof WsmanError && error.code === "WSMAN_CONNECTION_LOST";
}

/** What a failed request means: the connection broke, or there never was one. */
export function connectionError(host: string, error: unknown): WaybillError {
  if (error instanceof WaybillError) return error;
  const code = systemCode(error) ?? "UNKNOWN";
  const common = { family: "environment", facts: { host, system: code }, cause: error } as const;
  if (lossCodes.has(code)) {
    return new WsmanError(`the connection to ${host} broke before the answer came`, {
      ...common,
      code: "WSMAN_CONNECTION_LOST",
      remedy: "Ask the host what became of the operation before repeating it.",
    });
  }
  const message = error instanceof Error ? error.message : String(error);
  return new WsmanError(`cannot reach ${host}: ${message}`, {
    ...common,
    code: "WSMAN_UNREACHABLE",
    remedy: "Check the name, that the management service listens (port 5985 or 5986) and the firewall.",
  });
}
