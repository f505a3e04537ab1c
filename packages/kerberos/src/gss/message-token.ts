import { equalSecrets } from "@waybill/base";
import { checksum, checksumSize, checksumTypeFor, verifyChecksum } from "../crypto/checksum.ts";
import { decrypt, encrypt } from "../crypto/encrypt.ts";
import { enctypeInfo } from "../crypto/enctypes.ts";
import type { EncryptionKey } from "../messages/basic.ts";
import { KeyUsage } from "../registry/key-usage.ts";
import { badMic, defective, wrongDirection } from "./gss-error.ts";
import type { ReceivedToken, SplitToken } from "./message-protection.ts";

/**
 * Per-message tokens of RFC 4121 section 4.2. A header of 16 octets:
 *
 *     TOK_ID (2) | Flags (1) | Filler 0xFF (1) | EC (2) | RRC (2) | SND_SEQ (8)      Wrap: TOK_ID 05 04
 *     TOK_ID (2) | Flags (1) | Filler 0xFF (5)                    | SND_SEQ (8)      MIC:  TOK_ID 04 04
 *
 * sealed: header | rotate(encrypt(message | EC octets of filler | header with RRC 0), RRC)
 * signed: header | rotate(message | checksum(message | header with EC and RRC 0), RRC), EC = size of the checksum
 */
const headerSize = 16;
const Flag = { sentByAcceptor: 1, sealed: 2, acceptorSubkey: 4 } as const;
const wrapId = 0x0504;
const micId = 0x0404;

/** The sending side of tokens. */
export interface Direction {
  readonly fromAcceptor: boolean;
  readonly acceptorSubkey: boolean;
  readonly sequence: number;
}

/** Which key a token from the peer was made with, by whether it claims the acceptor's subkey. */
export type KeyChoice = (acceptorSubkey: boolean) => EncryptionKey;

function header(id: number, direction: Direction, sealed: boolean, ec: number): Buffer {
  const bytes = Buffer.alloc(headerSize, 0xff);
  bytes.writeUInt16BE(id, 0);
  bytes[2] =
    (direction.fromAcceptor ? Flag.sentByAcceptor : 0) |
    (sealed ? Flag.sealed : 0) |
    (direction.acceptorSubkey ? Flag.acceptorSubkey : 0);
  if (id === wrapId) bytes.writeUInt32BE(ec * 0x10000, 4);
  bytes.writeUInt32BE(Math.floor(direction.sequence / 0x1_0000_0000), 8);
  bytes.writeUInt32BE(direction.sequence >>> 0, 12);
  return bytes;
}

const sealUsage = (fromAcceptor: boolean): number =>
  fromAcceptor ? KeyUsage.gssAcceptorSeal : KeyUsage.gssInitiatorSeal;
const signUsage = (fromAcceptor: boolean): number =>
  fromAcceptor ? KeyUsage.gssAcceptorSign : KeyUsage.gssInitiatorSign;

/** How a Wrap token is laid out: RFC 4121 section 4.2.5, MS-KILE section 3.4.5.4.1. */
export interface WrapOptions {
  /** Rotate checksums to the front, so that the message's octets are the token's last ones. */
  readonly rotated?: boolean | undefined;
  /** DCE style: EC is one cipher block, and the rotation counts it in although RRC does not. */
  readonly dceStyle?: boolean | undefined;
}

/** Seals `message`. */
export function sealToken(
  key: EncryptionKey,
  direction: Direction,
  message: Uint8Array,
  options: WrapOptions = {},
): SplitToken {
  const { confounderSize, macSize } = enctypeInfo(key.keytype);
  const ec = options.dceStyle ? confounderSize : 0;
  const head = header(wrapId, direction, true, ec);
  const plain = new Uint8Array(message.length + ec + headerSize);
  plain.set(message);
  plain.fill(0xff, message.length, message.length + ec);
  plain.set(head, message.length + ec);
  const cipher = encrypt(key, sealUsage(direction.fromAcceptor), plain);
  const rrc = options.rotated ? headerSize + macSize : 0;
  head.writeUInt16BE(rrc, 6);
  const moved = rrc === 0 ? 0 : rrc + ec;
  return { token: assemble(head, cipher, moved), headerLength: headerSize + moved + confounderSize };
}

/** Signs `message`, which stays readable. */
export function signToken(
  key: EncryptionKey,
  direction: Direction,
  message: Uint8Array,
  options: WrapOptions = {},
): SplitToken {
  const head = header(wrapId, direction, false, 0);
  const signed = new Uint8Array(message.length + headerSize);
  signed.set(message);
  signed.set(head, message.length);
  const mac = checksum(key, sealUsage(direction.fromAcceptor), signed).checksum;
  const body = new Uint8Array(message.length + mac.length);
  body.set(message);
  body.set(mac, message.length);
  const rrc = options.rotated ? mac.length : 0;
  head.writeUInt16BE(mac.length, 4);
  head.writeUInt16BE(rrc, 6);
  return { token: assemble(head, body, rrc), headerLength: headerSize + rrc };
}

function assemble(head: Uint8Array, body: Uint8Array, rotation: number): Uint8Array {
  const token = new Uint8Array(headerSize + body.length);
  token.set(head);
  const cut = body.length - rotation;
  token.set(body.subarray(cut), headerSize);
  token.set(body.subarray(0, cut), headerSize + rotation);
  return token;
}

function rotateBack(body: Uint8Array, rotation: number): Uint8Array {
  const by = body.length === 0 ? 0 : rotation % body.length;
  if (by === 0) return body;
  const back = new Uint8Array(body.length);
  back.set(body.subarray(by));
  back.set(body.subarray(0, by), body.length - by);
  return back;
}

interface Header {
  readonly sealed: boolean;
  readonly acceptorSubkey: boolean;
  readonly sequence: number;
  readonly head: Buffer;
}

function readHeader(token: Uint8Array, id: number, fromAcceptor: boolean): Header {
  if (token.length < headerSize) throw defective(`${token.length} octets are too few for a header`);
  const head = Buffer.from(token.subarray(0, headerSize));
  const flags = head[2] ?? 0;
  if (head.readUInt16BE(0) !== id || head[3] !== 0xff) {
    throw defective(
      `token identifier ${head.toString("hex", 0, 2)} is not ${id.toString(16).padStart(4, "0")}`,
    );
  }
  if (((flags & Flag.sentByAcceptor) !== 0) !== fromAcceptor) {
    throw wrongDirection();
  }
  const high = head.readUInt32BE(8);
  if (high > 0x1fffff) throw defective("sequence number out of range");
  return {
    sealed: (flags & Flag.sealed) !== 0,
    acceptorSubkey: (flags & Flag.acceptorSubkey) !== 0,
    sequence: high * 0x1_0000_0000 + head.readUInt32BE(12),
    head,
  };
}

/** Opens a Wrap token of the peer. @throws GssError GSS_DEFECTIVE_TOKEN, GSS_BAD_MIC, GSS_WRONG_DIRECTION */
export function openToken(
  keyFor: KeyChoice,
  fromAcceptor: boolean,
  token: Uint8Array,
  options: { readonly dceStyle: boolean },
): ReceivedToken {
  const { sealed, acceptorSubkey, sequence, head } = readHeader(token, wrapId, fromAcceptor);
  const key = keyFor(acceptorSubkey);
  const ec = head.readUInt16BE(4);
  const rrc = head.readUInt16BE(6);
  // Not subarray: a Buffer's would be a Buffer, and the message a view of it.
  const body = new Uint8Array(token.buffer, token.byteOffset + headerSize, token.length - headerSize);
  if (!sealed)
    return {
      message: openSigned(key, fromAcceptor, head, ec, rotateBack(body, rrc)),
      confidential: false,
      sequence,
    };
  head.writeUInt16BE(0, 6);
  // Windows rotates by EC + RRC where it seals for DCE (MS-KILE 3.4.5.4.1); which it is shows only in the result.
  const rotations = ec === 0 ? [rrc] : options.dceStyle ? [rrc + ec, rrc] : [rrc, rrc + ec];
  for (const rotation of rotations) {
    const message = openSealed(key, fromAcceptor, head, ec, rotateBack(body, rotation));
    if (message !== undefined) return { message, confidential: true, sequence };
  }
  throw badMic();
}

function openSealed(
  key: EncryptionKey,
  fromAcceptor: boolean,
  head: Uint8Array,
  ec: number,
  body: Uint8Array,
): Uint8Array | undefined {
  let plain: Uint8Array;
  try {
    plain = decrypt(key, sealUsage(fromAcceptor), body);
  } catch {
    return undefined;
  }
  const length = plain.length - headerSize - ec;
  if (length < 0) return undefined;
  // The sealed copy has the header as the sender made it; the one outside anybody could change.
  return equalSecrets(plain.subarray(length + ec), head) ? plain.subarray(0, length) : undefined;
}

function openSigned(
  key: EncryptionKey,
  fromAcceptor: boolean,
  head: Buffer,
  ec: number,
  body: Uint8Array,
): Uint8Array {
  const type = checksumTypeFor(key.keytype);
  if (ec !== checksumSize(type) || body.length < ec) throw badMic();
  const message = body.subarray(0, body.length - ec);
  head.writeUInt32BE(0, 4);
  const signed = new Uint8Array(message.length + headerSize);
  signed.set(message);
  signed.set(head, message.length);
  const mac = { cksumtype: type, checksum: body.subarray(message.length) };
  if (!verifyChecksum(key, sealUsage(fromAcceptor), signed, mac)) throw badMic();
  return message;
}

/** A detached MIC over `message`. */
export function makeMic(key: EncryptionKey, direction: Direction, message: Uint8Array): Uint8Array {
  const head = header(micId, direction, false, 0);
  const mac = checksum(key, signUsage(direction.fromAcceptor), micInput(message, head)).checksum;
  const token = new Uint8Array(headerSize + mac.length);
  token.set(head);
  token.set(mac, headerSize);
  return token;
}

/** Checks a detached MIC; returns its sequence number. @throws GssError GSS_DEFECTIVE_TOKEN, GSS_BAD_MIC, GSS_WRONG_DIRECTION */
export function checkMic(
  keyFor: KeyChoice,
  fromAcceptor: boolean,
  message: Uint8Array,
  token: Uint8Array,
): number {
  const { acceptorSubkey, sequence, head } = readHeader(token, micId, fromAcceptor);
  const key = keyFor(acceptorSubkey);
  const mac = { cksumtype: checksumTypeFor(key.keytype), checksum: token.subarray(headerSize) };
  if (!verifyChecksum(key, signUsage(fromAcceptor), micInput(message, head), mac)) throw badMic();
  return sequence;
}

function micInput(message: Uint8Array, head: Uint8Array): Uint8Array {
  const input = new Uint8Array(message.length + headerSize);
  input.set(message);
  input.set(head, message.length);
  return input;
}
