import type { EncryptionKey } from "../messages/basic.ts";
import { badMic } from "./gss-error.ts";
import type { MessageProtection, ReceivedToken, SplitToken } from "./message-protection.ts";
import { checkMic, type Direction, makeMic, openToken, sealToken, signToken } from "./message-token.ts";

/** The keys of a context: the initiator's, and the acceptor's when it made one of its own (RFC 4121 section 2). */
export interface ContextKeys {
  readonly initiatorKey: EncryptionKey;
  readonly acceptorSubkey: EncryptionKey | undefined;
}

/** Per-message tokens of RFC 4121 section 4.2: keys of every type but rc4-hmac. */
export class CfxProtection implements MessageProtection {
  readonly #keys: ContextKeys;
  readonly #initiator: boolean;
  readonly #dceStyle: boolean;

  constructor(keys: ContextKeys, side: { readonly initiator: boolean; readonly dceStyle: boolean }) {
    this.#keys = keys;
    this.#initiator = side.initiator;
    this.#dceStyle = side.dceStyle;
  }

  wrap(message: Uint8Array, confidential: boolean, sequence: number): Uint8Array {
    const protect = confidential ? sealToken : signToken;
    return protect(this.#key, this.#direction(sequence), message).token;
  }

  wrapSplit(message: Uint8Array, confidential: boolean, sequence: number): SplitToken {
    const protect = confidential ? sealToken : signToken;
    const options = { rotated: true, dceStyle: this.#dceStyle };
    return protect(this.#key, this.#direction(sequence), message, options);
  }

  unwrap(token: Uint8Array): ReceivedToken {
    return openToken(this.#keyFor, this.#initiator, token, { dceStyle: this.#dceStyle });
  }

  mic(message: Uint8Array, sequence: number): Uint8Array {
    return makeMic(this.#key, this.#direction(sequence), message);
  }

  verifyMic(message: Uint8Array, token: Uint8Array): number {
    return checkMic(this.#keyFor, this.#initiator, message, token);
  }

  get #key(): EncryptionKey {
    return this.#keys.acceptorSubkey ?? this.#keys.initiatorKey;
  }

  #direction(sequence: number): Direction {
    const acceptorSubkey = this.#keys.acceptorSubkey !== undefined;
    return { fromAcceptor: !this.#initiator, acceptorSubkey, sequence };
  }

  // The token claims an acceptor's subkey, and there is none: it is of another context.
  #keyFor = (acceptorSubkey: boolean): EncryptionKey => {
    if (!acceptorSubkey) return this.#keys.initiatorKey;
    if (this.#keys.acceptorSubkey !== undefined) return this.#keys.acceptorSubkey;
    throw badMic();
  };
}
