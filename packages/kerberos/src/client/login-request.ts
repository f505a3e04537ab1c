import type { Principal } from "../principal.ts";
import type { LoginSecret } from "./client-keys.ts";
import type { Credential } from "./credential.ts";

/** What to ask an authentication server for. Times and lifetimes are milliseconds. */
export interface LoginRequest extends LoginSecret {
  /** The client. With name type NT-ENTERPRISE (`alice@corp.test` as one component) the KDC finds the account. */
  readonly principal: Principal;
  /** The service to get a ticket for. Default: the realm's ticket-granting service. */
  readonly server?: Principal | undefined;
  /** How long the ticket shall live. Default: as long as the KDC allows. */
  readonly lifetime?: number | undefined;
  /** Ask for a ticket that can be renewed for this long. */
  readonly renewableLifetime?: number | undefined;
  /** Default: true. */
  readonly forwardable?: boolean | undefined;
  readonly proxiable?: boolean | undefined;
  /** Let the KDC correct the name and refer to another realm. Default: only for NT-ENTERPRISE. */
  readonly canonicalize?: boolean | undefined;
  /** Ask for a PAC, or for none. Default: what the KDC does by itself. */
  readonly pac?: boolean | undefined;
  /** A ticket-granting ticket of the same realm that protects the exchange with FAST (RFC 6113). */
  readonly armor?: Credential | undefined;
  readonly etypes?: readonly number[] | undefined;
}
