import type { SecurityContext } from "./security-context.ts";

/** What one step of a context's making gives. Send `token` when there is one, also together with `context`. */
export interface StepResult {
  readonly token?: Uint8Array | undefined;
  /** No more tokens are expected from the peer, and `context` is there. */
  readonly done: boolean;
  readonly context?: SecurityContext | undefined;
}

/** One side of the making of a context. Sans-I/O: the caller carries the tokens. */
export interface Handshake {
  /**
   * @param token what the peer sent; the initiator's first step has none
   * @throws GssError; its `token`, when it has one, is for the peer
   */
  step(token?: Uint8Array): StepResult;
}
