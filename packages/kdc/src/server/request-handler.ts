import type { RequestContext } from "../exchanges/kdc-context.ts";

/** Answers one message; no bytes mean: no answer. `Kdc` and `PasswordService` are such handlers. */
export interface RequestHandler {
  handle(request: Uint8Array, context: RequestContext): Uint8Array;
}

/** A listening socket of any kind. */
export interface ListeningServer {
  readonly address: string;
  readonly port: number;
  /** Takes no new work and lets go of the sockets. */
  close(): Promise<void>;
}
