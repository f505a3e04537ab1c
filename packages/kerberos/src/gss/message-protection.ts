/** A token cut after everything that is not message: what frames that carry the two apart want. */
export interface SplitToken {
  readonly token: Uint8Array;
  /** Octets in front of the message (which has its own length still). */
  readonly headerLength: number;
}

/** A Wrap token of the peer, opened and found genuine; whether it comes in order is not looked at yet. */
export interface ReceivedToken {
  readonly message: Uint8Array;
  readonly confidential: boolean;
  readonly sequence: number;
}

/** One side's per-message tokens: RFC 4121 section 4.2, or RFC 4757 section 7 where the key is an rc4-hmac one. */
export interface MessageProtection {
  wrap(message: Uint8Array, confidential: boolean, sequence: number): Uint8Array;
  /** The same with the message's octets as the token's last ones. */
  wrapSplit(message: Uint8Array, confidential: boolean, sequence: number): SplitToken;
  /** @throws GssError GSS_DEFECTIVE_TOKEN, GSS_BAD_MIC, GSS_WRONG_DIRECTION */
  unwrap(token: Uint8Array): ReceivedToken;
  mic(message: Uint8Array, sequence: number): Uint8Array;
  /** The sequence number of a good MIC. @throws GssError like `unwrap` */
  verifyMic(message: Uint8Array, token: Uint8Array): number;
}
