import type { SealedParts } from "../framing/encrypted-message.ts";

export interface NegotiateResult {
  /** The token to answer with, if any. */
  readonly token?: Uint8Array | undefined;
  readonly established: boolean;
  /** The token was refused; `token` may tell the peer why. The context is closed. Rejecting says the same without a token. */
  readonly refused?: boolean | undefined;
  /** Names the authenticated session from now on; there once `established`. It is no secret and no right by itself. */
  readonly session?: string | undefined;
}

/**
 * Accepts security contexts and seals for them: the keys stay in the process that implements this.
 *
 * `connectionId` names one security context on one connection. The server makes a new one for each negotiation,
 * calls `close` exactly once for each, and never uses it again afterwards. Calls for one context never overlap.
 * All methods reject when the token or message is refused; the peer learns only that it was. A `WaybillError` of the
 * family `environment` says that the broker itself is out of reach (HTTP 503), one with the code `SESSION_UNKNOWN`
 * that it does not know the context any more (HTTP 401: sign in again).
 */
export interface NegotiateBroker {
  /** @param channel what the TLS connection below is called, for clients that bind themselves to it (RFC 5929); see `ServerRequest`. */
  accept(connectionId: string, token: Uint8Array, channel?: Uint8Array): Promise<NegotiateResult>;
  unseal(connectionId: string, header: Uint8Array, payload: Uint8Array): Promise<Uint8Array>;
  seal(connectionId: string, plain: Uint8Array): Promise<SealedParts>;
  close(connectionId: string): Promise<void> | void;
}
