import type { ChannelBindings } from "@waybill/kerberos";
import type { HttpAuthScheme, SealedParts } from "../framing/encrypted-message.ts";

/** One GSS-API context on the initiator's side, as `@waybill/kerberos` makes it. */
export interface InitiatorContext {
  /** Takes the peer's token (none at first) and gives the next one. `done` when the context is established. */
  step(token: Uint8Array | undefined): StepResult | Promise<StepResult>;
  wrapWithHeader(plain: Uint8Array): SealedParts;
  unwrapWithHeader(header: Uint8Array, payload: Uint8Array): Uint8Array;
}

export interface StepResult {
  readonly token?: Uint8Array | undefined;
  readonly done: boolean;
}

/**
 * How a client proves who it is. A fresh context is made for every connection, because the security context and
 * the TCP connection live and die together.
 */
export interface ClientSecurity {
  readonly scheme: HttpAuthScheme;
  /** @param channel the TLS connection that the context is to hold for, and no other. */
  createContext(signal: AbortSignal, channel?: ChannelBindings): InitiatorContext | Promise<InitiatorContext>;
}
