import { WaybillError } from "@waybill/base";
import { HostError } from "../errors.ts";

/**
 * Everything the listener may ask of the service. The list is closed: the listener holds no key and no ticket,
 * and whoever takes it over gets these calls and nothing else, each bound to a connection whose caller has
 * proved who they are.
 *
 * `accept` also says what the TLS connection is called that a token came on (`tls-server-end-point`), for the service
 * holds the context that such a name is checked against, and the listener the certificate. A listener that lies about it,
 * or says that there was no TLS, gains nothing: it can let in somebody whose connection another has broken up, and it
 * reads and writes all plain text of the connections it serves anyway. Bindings protect from others, not from it.
 */
export const ipcCalls = ["accept", "unseal", "seal", "close", "operate"] as const;
export type IpcCall = (typeof ipcCalls)[number];

export interface IpcRequest {
  readonly id: number;
  readonly call: IpcCall;
  readonly parameters: Readonly<Record<string, unknown>>;
}

export interface IpcReply {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: IpcFailure;
}

export interface IpcFailure {
  readonly code: string;
  readonly message: string;
  readonly remedy?: string | undefined;
  readonly hresult?: number | undefined;
  readonly facts?: Readonly<Record<string, string | number | boolean>> | undefined;
}

/** What of an error may cross to the listener: never its stack, never an unexpected error's text. */
export function toFailure(error: unknown): IpcFailure {
  if (!(error instanceof WaybillError))
    return { code: "INTERNAL_ERROR", message: "the service met an unexpected error" };
  return {
    code: error.code,
    message: error.message,
    remedy: error.remedy,
    facts: error.facts,
    hresult: error instanceof HostError ? error.hresult : undefined,
  };
}

export function fromFailure(failure: IpcFailure): HostError {
  return new HostError(failure.message, {
    code: failure.code,
    family: failure.code === "INTERNAL_ERROR" ? "bug" : "caller",
    ...(failure.remedy === undefined ? {} : { remedy: failure.remedy }),
    ...(failure.hresult === undefined ? {} : { hresult: failure.hresult }),
    ...(failure.facts === undefined ? {} : { facts: failure.facts }),
  });
}

export function isRequest(message: unknown): message is IpcRequest {
  if (typeof message !== "object" || message === null) return false;
  const { id, call, parameters } = message as Partial<IpcRequest>;
  return (
    typeof id === "number" &&
    typeof parameters === "object" &&
    parameters !== null &&
    ipcCalls.some((known) => known === call)
  );
}
