import { concatBytes, equalSecrets, systemRandom } from "@waybill/base";
import { rc4 } from "../crypto/rc4.ts";
import { hmacMd5, hmacMd5Checksum } from "../crypto/rc4-hmac.ts";
import type { EncryptionKey } from "../messages/basic.ts";
import { badMic, defective, wrongDirection } from "./gss-error.ts";
import { isKrb5, MechanismOid } from "./mechanism-oid.ts";
import type { MessageProtection, ReceivedToken, SplitToken } from "./message-protection.ts";
import { frameToken, readFrame } from "./token-frame.ts";

/**
 * Per-message tokens with rc4-hmac keys: RFC 4757 sections 7.2 and 7.3, in the frame of RFC 2743 section 3.1:
 *
 *     frame | 01 01 | SGN_ALG 11 00 | FF FF FF FF      | SND_SEQ (8) | SGN_CKSUM (8)                                   MIC
 *     frame | 02 01 | SGN_ALG 11 00 | SEAL_ALG | FF FF | SND_SEQ (8) | SGN_CKSUM (8) | confounder (8) | message | 01   Wrap
 *
 * SEAL_ALG is 10 00, or FF FF for a message that is signed only. Confounder, message and the one octet of padding are
 * enciphered together. In DCE style the frame ends with the confounder and nothing is padded.
 *
 * What is weak in it beside RC4: the sequence number of a token that is not sealed is enciphered but covered by no
 * checksum, so whoever guesses it can change it, and its 32 bits come round.
 */
export class Rc4Protection implements MessageProtection {
  readonly #key: Uint8Array;
  readonly #sequenceKey: Uint8Array;
  readonly #sealKey: Uint8Array;
  readonly #fromAcceptor: boolean;
  readonly #dceStyle: boolean;

  constructor(key: EncryptionKey, side: { readonly initiator: boolean; readonly dceStyle: boolean }) {
    this.#key = key.keyvalue;
    this.#sequenceKey = hmacMd5(key.keyvalue, zeroSalt);
    const turned = key.keyvalue.map((octet) => octet ^ 0xf0);
    this.#sealKey = hmacMd5(turned, zeroSalt);
    this.#fromAcceptor = !side.initiator;
    this.#dceStyle = side.dceStyle;
  }

  wrap(message: Uint8Array, confidential: boolean, sequence: number): Uint8Array {
    return frameToken(MechanismOid.krb5, this.#wrapBody(message, confidential, sequence, true));
  }

  wrapSplit(message: Uint8Array, confidential: boolean, sequence: number): SplitToken {
    const body = this.#wrapBody(message, confidential, sequence, !this.#dceStyle);
    if (this.#dceStyle) {
      const header = frameToken(MechanismOid.krb5, body.subarray(0, wrapHeaderSize));
      const token = concatBytes(header, body.subarray(wrapHeaderSize));
      return { token, headerLength: header.length };
    }
    const token = frameToken(MechanismOid.krb5, body);
    return { token, headerLength: token.length - body.length + wrapHeaderSize };
  }

  unwrap(token: Uint8Array): ReceivedToken {
    const { body, framed } = this.#open(token, Kind.wrap);
    const text = body.subarray(At.confounder);
    const sealing = body.subarray(At.sealAlgorithm, At.sealAlgorithm + 2);
    const confidential = startsWith(sealing, sealRc4);
    if (!confidential && !startsWith(sealing, sealNone)) throw defective("it is sealed in an unknown way");
    const sequence = this.#readSequence(body);
    const plain = confidential ? rc4(hmacMd5(this.#sealKey, bigEndian(sequence)), text) : text;
    this.#check(body, Usage.wrap, plain);
    const padded = framed === body.length && !(this.#dceStyle && plain.length === confounderSize);
    if (!padded) return { message: plain.subarray(confounderSize), confidential, sequence };
    if (plain.length === confounderSize || plain.at(-1) !== padding)
      throw defective("its padding is missing");
    return { message: plain.subarray(confounderSize, plain.length - 1), confidential, sequence };
  }

  mic(message: Uint8Array, sequence: number): Uint8Array {
    const body = new Uint8Array(At.confounder);
    body.set([Kind.mic >>> 8, Kind.mic & 0xff, 0x11, 0, 0xff, 0xff, 0xff, 0xff]);
    this.#sign(body, Usage.mic, message, sequence);
    return frameToken(MechanismOid.krb5, body);
  }

  verifyMic(message: Uint8Array, token: Uint8Array): number {
    const { body } = this.#open(token, Kind.mic);
    if (body.length !== At.confounder) throw defective("it is no MIC's length");
    const sequence = this.#readSequence(body);
    this.#check(body, Usage.mic, message);
    return sequence;
  }

  #wrapBody(message: Uint8Array, confidential: boolean, sequence: number, padded: boolean): Uint8Array {
    const text = new Uint8Array(confounderSize + message.length + (padded ? 1 : 0)).fill(padding);
    text.set(systemRandom.bytes(confounderSize));
    text.set(message, confounderSize);
    const body = new Uint8Array(At.confounder + text.length);
    const sealing = confidential ? sealRc4 : sealNone;
    body.set([Kind.wrap >>> 8, Kind.wrap & 0xff, 0x11, 0, ...sealing, 0xff, 0xff]);
    this.#sign(body, Usage.wrap, text, sequence);
    const cipher = confidential ? rc4(hmacMd5(this.#sealKey, bigEndian(sequence)), text) : text;
    body.set(cipher, At.confounder);
    return body;
  }

  #sign(body: Uint8Array, usage: number, covered: Uint8Array, sequence: number): void {
    const mac = this.#mac(body, usage, covered);
    body.set(mac, At.checksum);
    const direction = new Uint8Array(4).fill(this.#fromAcceptor ? 0xff : 0);
    const plain = concatBytes(bigEndian(sequence), direction);
    body.set(rc4(hmacMd5(this.#sequenceKey, mac), plain), At.sequence);
  }

  #mac(body: Uint8Array, usage: number, covered: Uint8Array): Uint8Array {
    const data = concatBytes(body.subarray(0, At.sequence), covered);
    return hmacMd5Checksum(this.#key, usage, data).subarray(0, macSize);
  }

  #check(body: Uint8Array, usage: number, covered: Uint8Array): void {
    const mac = body.subarray(At.checksum, At.checksum + macSize);
    if (!equalSecrets(this.#mac(body, usage, covered), mac)) throw badMic();
  }

  #readSequence(body: Uint8Array): number {
    const mac = body.subarray(At.checksum, At.checksum + macSize);
    const plain = rc4(hmacMd5(this.#sequenceKey, mac), body.subarray(At.sequence, At.checksum));
    const view = new DataView(plain.buffer, plain.byteOffset);
    const direction = view.getUint32(4);
    if (direction === (this.#fromAcceptor ? 0xffff_ffff : 0)) throw wrongDirection();
    if (direction !== (this.#fromAcceptor ? 0 : 0xffff_ffff)) throw badMic();
    return view.getUint32(0);
  }

  #open(token: Uint8Array, kind: number): { body: Uint8Array; framed: number } {
    const { mechanism, start, end } = readFrame(token);
    if (!isKrb5(mechanism)) throw defective(`it is of mechanism ${mechanism}`);
    const body = token.subarray(start);
    const framed = end - start;
    const least = kind === Kind.wrap ? wrapHeaderSize : At.confounder;
    if (body.length < least) throw defective(`${token.length} octets are too few`);
    const id = (body[0] ?? 0) * 256 + (body[1] ?? 0);
    if (id !== kind) throw defective(`token identifier ${id.toString(16).padStart(4, "0")}`);
    if (body[2] !== 0x11 || body[3] !== 0) throw defective("it is signed in another way than rc4-hmac's");
    const dceWrap = this.#dceStyle && kind === Kind.wrap && framed === wrapHeaderSize;
    if (framed !== body.length && !dceWrap) throw defective("its length is not the frame's");
    return { body, framed };
  }
}

const Kind = { mic: 0x0101, wrap: 0x0201 } as const;
/** Microsoft's numbers for what RFC 4121 calls usages 23 (and 25): RFC 4757 section 7.2. */
const Usage = { mic: 15, wrap: 13 } as const;
const At = { sealAlgorithm: 4, sequence: 8, checksum: 16, confounder: 24 } as const;
const confounderSize = 8;
const macSize = 8;
const padding = 1;
const wrapHeaderSize = At.confounder + confounderSize;
const sealRc4 = Uint8Array.of(0x10, 0);
const sealNone = Uint8Array.of(0xff, 0xff);
const zeroSalt = new Uint8Array(4);

function bigEndian(sequence: number): Uint8Array {
  return Uint8Array.of(sequence >>> 24, sequence >>> 16, sequence >>> 8, sequence);
}

function startsWith(octets: Uint8Array, expected: Uint8Array): boolean {
  return octets[0] === expected[0] && octets[1] === expected[1];
}
