import type { ControlOptions } from "../controls/request-controls.ts";
import type { Filter } from "../filter/filter.ts";
import type { SaslMechanism, SaslProtection } from "../sasl/mechanism.ts";
import type { SecurityHandshake } from "../sasl/security-context.ts";
import type { SearchScope } from "../server/backend.ts";
import type { LdapTlsOptions } from "./open-socket.ts";

export interface LdapConnectOptions {
  /** `ldap://host:port`, `ldaps://host:port` or `ldapi://%2Fpath`. */
  readonly url: string;
  /** Goes over to TLS right after connecting to an `ldap` URL. */
  readonly startTls?: boolean;
  readonly tls?: LdapTlsOptions;
  /** Milliseconds for connecting, and the longest silence of the server in an operation; 30 s unless told. */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
  /** Largest message accepted, in bytes; 32 MiB unless told. */
  readonly maxMessageSize?: number;
}

/** Options of every operation. */
export interface OperationOptions extends ControlOptions {
  /** Longest silence of the server, in milliseconds; the connection's unless told. */
  readonly timeout?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface SearchOptions extends OperationOptions {
  readonly base: string;
  /** `sub` unless told. */
  readonly scope?: SearchScope;
  /** Text of RFC 4515 or a parsed filter; everything unless told. */
  readonly filter?: string | Filter;
  /** All user attributes unless told. */
  readonly attributes?: readonly string[];
  /** Entries per page; 500 unless told, `false` for one unpaged search. */
  readonly pageSize?: number | false;
  /** Most entries the server may send, 0 for its own limit; `sizeLimitExceeded` ends the iteration with an error. */
  readonly sizeLimit?: number;
  /** Seconds the server may take, 0 for its own limit. */
  readonly timeLimit?: number;
  readonly typesOnly?: boolean;
}

export type ValueInput = string | Uint8Array;

export interface ChangeInput {
  readonly operation: "add" | "delete" | "replace";
  readonly type: string;
  /** None with `delete` or `replace` removes the attribute. */
  readonly values?: ValueInput | readonly ValueInput[];
}

export interface SaslBindOptions extends OperationOptions {
  readonly mechanism: SaslMechanism;
  /** `confidential` unless told; must be `none` inside TLS, and is so by default there. */
  readonly protection?: SaslProtection;
  /** Begins a security context towards this server. */
  begin(request: HandshakeRequest): SecurityHandshake | Promise<SecurityHandshake>;
}

export interface HandshakeRequest {
  /** The host part of the service name `ldap/host`; for a Unix socket `localhost`. */
  readonly host: string;
  readonly integrity: boolean;
  readonly confidentiality: boolean;
  /** Application data that binds the context to the TLS connection around it (RFC 5929). */
  readonly channelBinding: Uint8Array | undefined;
  readonly signal: AbortSignal | undefined;
}
