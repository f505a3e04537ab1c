/** What LDAP needs of an established GSS-API security context (RFC 2743). */
export interface SecurityContext {
  /** The authenticated other side: a principal name such as `alice@LAB.TEST`. */
  readonly peerName: string;
  /** The layers both sides agreed on while the context was made. */
  readonly integrity: boolean;
  readonly confidentiality: boolean;
  /** The initiator did not say which layers it wants; the two above are what would be possible. */
  readonly flagsAssumed?: boolean;
  wrap(message: Uint8Array, confidential: boolean): Uint8Array;
  /** @throws when the token was tampered with, replayed or does not belong to this context. */
  unwrap(token: Uint8Array): { message: Uint8Array; confidential: boolean };
}

/** The outcome of one step. Tokens go back and forth until `context` is there. */
export interface SecurityContextStep<Context extends SecurityContext = SecurityContext> {
  /** To be sent to the other side, also together with the finished context. */
  readonly token?: Uint8Array | undefined;
  readonly context?: Context | undefined;
}

/** One side of a context being made. */
export interface SecurityHandshake<Context extends SecurityContext = SecurityContext> {
  /** The initiator's first call has no token. */
  step(token?: Uint8Array): SecurityContextStep<Context> | Promise<SecurityContextStep<Context>>;
}
