import { concatBytes } from "@waybill/base";
import { LdapConnectionError } from "../errors.ts";
import { FrameReader, measureSaslFrame } from "../frame-reader.ts";
import type { SecurityContext } from "./security-context.ts";

/** Room for the header, confounder and checksum that wrapping adds, whatever the encryption type. */
const wrapOverhead = 128;
const smallestBuffer = wrapOverhead * 2;

export interface SaslLayerOptions {
  readonly confidential: boolean;
  /** Largest wrapped buffer the peer accepts, in bytes. */
  readonly maxSend: number;
  /** Largest wrapped buffer we accept, in bytes. */
  readonly maxReceive: number;
}

/** Signs or seals a stream: every buffer is wrapped and preceded by four octets of length (RFC 4422 section 3.7). */
export class SaslLayer {
  readonly confidential: boolean;
  readonly #context: SecurityContext;
  readonly #maxPlain: number;
  readonly #frames: FrameReader;

  constructor(context: SecurityContext, options: SaslLayerOptions) {
    this.confidential = options.confidential;
    this.#context = context;
    this.#maxPlain = Math.max(options.maxSend, smallestBuffer) - wrapOverhead;
    this.#frames = new FrameReader(measureSaslFrame, options.maxReceive + 4);
  }

  protect(plain: Uint8Array): Uint8Array {
    const parts: Uint8Array[] = [];
    for (let start = 0; start < plain.length; start += this.#maxPlain) {
      const token = this.#context.wrap(plain.subarray(start, start + this.#maxPlain), this.confidential);
      const length = new Uint8Array(4);
      new DataView(length.buffer).setUint32(0, token.length);
      parts.push(length, token);
    }
    return concatBytes(...parts);
  }

  /** Takes bytes from the wire; returns the plain bytes that became complete. @throws LdapConnectionError */
  receive(chunk: Uint8Array): Uint8Array[] {
    this.#frames.push(chunk);
    const plain: Uint8Array[] = [];
    for (;;) {
      const frame = this.#frames.next();
      if (frame === undefined) return plain;
      plain.push(this.#open(frame.subarray(4)));
    }
  }

  #open(token: Uint8Array): Uint8Array {
    let opened: { message: Uint8Array; confidential: boolean };
    try {
      opened = this.#context.unwrap(token);
    } catch (cause) {
      throw new LdapConnectionError("LDAP_SASL_FAILED", "a protected buffer from the peer failed its check", {
        cause,
      });
    }
    if (this.confidential && !opened.confidential) {
      throw new LdapConnectionError("LDAP_SASL_FAILED", "the peer sent a buffer signed but not sealed");
    }
    return opened.message;
  }
}
