import type { EpochMs } from "@waybill/base";
import type { Credential } from "../client/credential.ts";
import { prf } from "../crypto/prf.ts";
import type { EncryptionKey } from "../messages/basic.ts";
import type { EncTicketPart, Ticket } from "../messages/ticket.ts";
import type { Pac } from "../pac/pac.ts";
import { formatPrincipal, type Principal } from "../principal.ts";
import { EncType } from "../registry/enc-type.ts";
import { CfxProtection } from "./cfx-protection.ts";
import { GssError } from "./gss-error.ts";
import { GssFlags } from "./gss-flags.ts";
import type { MessageProtection } from "./message-protection.ts";
import { Rc4Protection } from "./rc4-protection.ts";
import { SequenceWindow } from "./sequence-window.ts";

/** The initiator's service ticket as the acceptor received it: evidence for S4U2Proxy. */
export interface Evidence {
  readonly ticket: Ticket;
  readonly encTicketPart: EncTicketPart;
  /** TicketFlags of the ticket: whether it is forwardable. */
  readonly flags: number;
  readonly sessionKey: EncryptionKey;
}

/** What the mechanism worked out; see {@link SecurityContext}. */
export interface EstablishedContext {
  readonly initiator: boolean;
  readonly peer: Principal;
  readonly local: Principal;
  readonly flags: number;
  readonly flagsAssumed?: boolean | undefined;
  readonly endTime: EpochMs;
  readonly sessionKey: EncryptionKey;
  readonly initiatorSubkey?: EncryptionKey | undefined;
  readonly acceptorSubkey?: EncryptionKey | undefined;
  readonly sendSequence: number;
  readonly receiveSequence: number;
  readonly evidence?: Evidence | undefined;
  readonly pac?: Pac | undefined;
  readonly delegatedCredentials?: readonly Credential[] | undefined;
  readonly channelBound?: boolean | undefined;
}

/** Parts of a wrapped message for frames that carry header and ciphertext apart, as WinRM's do. */
export interface SealedParts {
  readonly header: Uint8Array;
  /** As long as the message; with rc4-hmac keys outside DCE style one octet of padding longer. */
  readonly payload: Uint8Array;
}

/** An established Kerberos security context: RFC 4121, and RFC 4757 with rc4-hmac keys. One side's; not to be shared between connections. */
export class SecurityContext {
  readonly initiator: boolean;
  /** The other side, authenticated. To an initiator without mutual authentication only the name it asked for. */
  readonly peer: Principal;
  readonly local: Principal;
  /** `GssFlags` in force. */
  readonly flags: number;
  /** Acceptor only: the initiator stated no flags; `flags` is what the context is able to do. */
  readonly flagsAssumed: boolean;
  /** When the ticket behind the context ends. */
  readonly endTime: EpochMs;
  /** The ticket's session key. Messages are protected with a key of this context's own. */
  readonly sessionKey: EncryptionKey;
  /** Acceptor only. */
  readonly evidence: Evidence | undefined;
  /** Acceptor only, when the ticket has one: its server signature was verified. */
  readonly pac: Pac | undefined;
  /** Acceptor only, when the initiator delegated its ticket-granting ticket. */
  readonly delegatedCredentials: readonly Credential[] | undefined;
  /** Acceptor only: the initiator proved that it sees the same channel. */
  readonly channelBound: boolean;
  readonly #initiatorKey: EncryptionKey;
  readonly #acceptorSubkey: EncryptionKey | undefined;
  readonly #protection: MessageProtection;
  readonly #window: SequenceWindow;
  #sendSequence: number;

  constructor(parts: EstablishedContext) {
    this.initiator = parts.initiator;
    this.peer = parts.peer;
    this.local = parts.local;
    this.flags = parts.flags;
    this.flagsAssumed = parts.flagsAssumed ?? false;
    this.endTime = parts.endTime;
    this.sessionKey = parts.sessionKey;
    this.evidence = parts.evidence;
    this.pac = parts.pac;
    this.delegatedCredentials = parts.delegatedCredentials;
    this.channelBound = parts.channelBound ?? false;
    this.#initiatorKey = parts.initiatorSubkey ?? parts.sessionKey;
    this.#acceptorSubkey = parts.acceptorSubkey;
    const key = this.#key;
    const side = { initiator: this.initiator, dceStyle: (this.flags & GssFlags.dceStyle) !== 0 };
    this.#protection =
      key.keytype === EncType.rc4Hmac
        ? new Rc4Protection(key, side)
        : new CfxProtection({ initiatorKey: this.#initiatorKey, acceptorSubkey: this.#acceptorSubkey }, side);
    this.#sendSequence = parts.sendSequence;
    this.#window = new SequenceWindow(parts.receiveSequence, {
      replay: (parts.flags & GssFlags.replay) !== 0,
      sequence: (parts.flags & GssFlags.sequence) !== 0,
    });
  }

  /** The authenticated other side as text: `alice@LAB.TEST`. */
  get peerName(): string {
    return formatPrincipal(this.peer);
  }

  get integrity(): boolean {
    return (this.flags & GssFlags.integrity) !== 0;
  }

  get confidentiality(): boolean {
    return (this.flags & GssFlags.confidentiality) !== 0;
  }

  get #key(): EncryptionKey {
    return this.#acceptorSubkey ?? this.#initiatorKey;
  }

  /** GSS_Wrap: signs, and seals when `confidential`. */
  wrap(message: Uint8Array, confidential = true): Uint8Array {
    return this.#protection.wrap(message, confidential, this.#sendSequence++);
  }

  /**
   * GSS_Unwrap.
   *
   * @throws GssError GSS_BAD_MIC, GSS_DEFECTIVE_TOKEN, GSS_WRONG_DIRECTION; by the context's flags
   *   GSS_DUPLICATE_TOKEN, GSS_OLD_TOKEN, GSS_OUT_OF_SEQUENCE
   */
  unwrap(token: Uint8Array): { message: Uint8Array; confidential: boolean } {
    const { message, confidential, sequence } = this.#protection.unwrap(token);
    this.#window.accept(sequence);
    return { message, confidential };
  }

  /** Seals (or signs) so that header and message stand apart and the payload is as long as the message. */
  wrapWithHeader(message: Uint8Array, confidential = true): SealedParts {
    const { token, headerLength } = this.#protection.wrapSplit(message, confidential, this.#sendSequence++);
    return { header: token.subarray(0, headerLength), payload: token.subarray(headerLength) };
  }

  /**
   * The message of what the peer's `wrapWithHeader` or gss_wrap_iov made; it must be sealed unless told otherwise.
   *
   * @throws GssError like {@link unwrap}
   */
  unwrapWithHeader(header: Uint8Array, payload: Uint8Array, confidential = true): Uint8Array {
    const token = new Uint8Array(header.length + payload.length);
    token.set(header);
    token.set(payload, header.length);
    const opened = this.unwrap(token);
    if (confidential && !opened.confidential)
      throw new GssError("GSS_BAD_MIC", "the message is signed but not sealed");
    return opened.message;
  }

  /** GSS_GetMIC */
  getMic(message: Uint8Array): Uint8Array {
    return this.#protection.mic(message, this.#sendSequence++);
  }

  /** GSS_VerifyMIC. @throws GssError like {@link unwrap} */
  verifyMic(message: Uint8Array, mic: Uint8Array): void {
    this.#window.accept(this.#protection.verifyMic(message, mic));
  }

  /**
   * GSS_Pseudo_random of RFC 4401 and 4402: the same octets on both sides, for nobody else to know.
   *
   * @param partial use the initiator's key (GSS_C_PRF_KEY_PARTIAL) instead of the full context's
   */
  prf(input: Uint8Array, length: number, partial = false): Uint8Array {
    if (!Number.isInteger(length) || length < 0 || length > 1 << 20) {
      throw new GssError("GSS_INVALID_VALUE", `cannot make ${length} pseudo-random octets`, {
        family: "caller",
      });
    }
    const key = partial ? this.#initiatorKey : this.#key;
    const output = new Uint8Array(length);
    const counted = Buffer.alloc(4 + input.length);
    counted.set(input, 4);
    for (let at = 0, counter = 0; at < length; counter++) {
      counted.writeUInt32BE(counter, 0);
      const block = prf(key, counted);
      output.set(block.subarray(0, length - at), at);
      at += block.length;
    }
    return output;
  }
}
