import { emptyBytes } from "@waybill/base";

/** One HTTP request, already read to its end. Header names are in lower case. */
export interface ServerRequest {
  /** Names the TCP connection: requests of one connection share it, no two connections ever do. */
  readonly connectionId: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Uint8Array;
  /** Whether TLS protects the connection. */
  readonly secure: boolean;
  /** What the TLS connection is called by its server's certificate: application data of GSS-API's channel bindings. */
  readonly channel?: Uint8Array | undefined;
  /** Fires when the caller is gone. */
  readonly signal?: AbortSignal | undefined;
}

export interface ServerResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: Uint8Array;
  /** The connection is not to be used again. */
  readonly close?: boolean | undefined;
}

export function headerOf(request: ServerRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

export function emptyResponse(
  status: number,
  headers: Readonly<Record<string, string | string[]>> = {},
): ServerResponse {
  return { status, headers, body: emptyBytes };
}

/** "Sign in": 401 with the schemes that are understood. */
export function unauthorized(): ServerResponse {
  return emptyResponse(401, { "www-authenticate": ["Negotiate", "Kerberos"] });
}

/** "Not now": the service behind is out of reach. */
export function unavailable(): ServerResponse {
  return { ...emptyResponse(503, { "retry-after": "1" }), close: true };
}
