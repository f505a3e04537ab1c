import { concatBytes, utf8 } from "@waybill/base";
import { WsmanError } from "../errors.ts";

/**
 * Framing of sealed messages over HTTP (MS-WSMV 2.2.9.1):
 *
 * ```text
 * Content-Type: multipart/encrypted;protocol="P";boundary="Encrypted Boundary"
 *
 * --Encrypted Boundary CRLF
 * HT Content-Type: P CRLF
 * HT OriginalContent: type=application/soap+xml;charset=UTF-8;Length=n CRLF
 * --Encrypted Boundary CRLF
 * HT Content-Type: application/octet-stream CRLF
 * uint32 little endian: length of header | header | payload --Encrypted Boundary-- CRLF
 * ```
 *
 * `n` is the length of the plaintext. P follows the HTTP scheme: SPNEGO for `Negotiate` (also when Kerberos was
 * negotiated), Kerberos for a bare AP-REQ under the scheme `Kerberos`.
 */
export const SealProtocol = {
  spnego: "application/HTTP-SPNEGO-session-encrypted",
  kerberos: "application/HTTP-Kerberos-session-encrypted",
} as const;

export type SealProtocol = (typeof SealProtocol)[keyof typeof SealProtocol];

export type HttpAuthScheme = "Negotiate" | "Kerberos";

export function sealProtocolOf(scheme: HttpAuthScheme): SealProtocol {
  return scheme === "Negotiate" ? SealProtocol.spnego : SealProtocol.kerberos;
}

/** The token's header and the ciphertext, as `wrapWithHeader` of a security context gives them. */
export interface SealedParts {
  readonly header: Uint8Array;
  readonly payload: Uint8Array;
}

export interface EncryptedMessage extends SealedParts {
  readonly protocol: SealProtocol;
  /** The length of the plaintext, as the sender declares it. */
  readonly length: number;
}

export function encryptedContentType(protocol: SealProtocol): string {
  return `multipart/encrypted;protocol="${protocol}";boundary="Encrypted Boundary"`;
}

export function isEncryptedContentType(contentType: string | undefined): boolean {
  return contentType !== undefined && /^\s*multipart\/(?:x-multi-)?encrypted\s*(?:;|$)/i.test(contentType);
}

export function writeEncryptedMessage(message: EncryptedMessage): Uint8Array {
  const size = new Uint8Array(4);
  new DataView(size.buffer).setUint32(0, message.header.length, true);
  const head =
    `--Encrypted Boundary\r\n\tContent-Type: ${message.protocol}\r\n` +
    `\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length=${message.length}\r\n` +
    "--Encrypted Boundary\r\n\tContent-Type: application/octet-stream\r\n";
  return concatBytes(utf8(head), size, message.header, message.payload, utf8("--Encrypted Boundary--\r\n"));
}

/** More than any token header needs: RFC 4121 has at most 60 bytes with the checksum, NTLM 16. */
const maxHeader = 1024;

/**
 * Reads a framed message. Tolerant where real senders differ: a space after the dashes, missing tabs, any case of
 * header names, a missing final line break. The ciphertext is never searched for boundaries.
 *
 * @throws WsmanError `WSMAN_FRAMING_INVALID`.
 */
export function readEncryptedMessage(contentType: string, body: Uint8Array): EncryptedMessage {
  if (/^\s*multipart\/x-multi-encrypted/i.test(contentType)) {
    refuse("CredSSP's multipart/x-multi-encrypted is not supported");
  }
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const head = bytes.toString("latin1", 0, 2048);
  const boundary = "-- ?Encrypted Boundary\\r?\\n";
  const match = new RegExp(
    `^(?:\\r?\\n)?${boundary}((?:[ \\t]*[A-Za-z-]+:[^\\r\\n]*\\r?\\n){1,8})${boundary}(?:[ \\t]*Content-Type:[ \\t]*application/octet-stream[ \\t]*\\r?\\n)`,
    "i",
  ).exec(head);
  if (match === null) refuse("the parts of the multipart body were not recognized");
  const headers = match[1] ?? "";
  const protocol = readProtocol(/Content-Type:[ \t]*([^\s;]+)/i.exec(headers)?.[1]);
  const length = /OriginalContent:[^\r\n]*;[ \t]*Length=(\d{1,9})/i.exec(headers)?.[1];
  if (length === undefined) refuse("OriginalContent has no length");
  const tail = /-- ?Encrypted Boundary--(?:\r?\n)?$/i.exec(
    bytes.toString("latin1", Math.max(0, bytes.length - 32)),
  );
  if (tail === null) refuse("the closing boundary is missing");
  const content = body.subarray(match[0].length, body.length - tail[0].length);
  if (content.length < 4) refuse("the sealed part is too short");
  const headerLength = new DataView(content.buffer, content.byteOffset).getUint32(0, true);
  if (headerLength > maxHeader || headerLength > content.length - 4) {
    refuse(`a token header of ${headerLength} bytes does not fit`);
  }
  return {
    protocol,
    length: Number(length),
    header: content.subarray(4, 4 + headerLength),
    payload: content.subarray(4 + headerLength),
  };
}

/**
 * Checks the declared length against what came out: enctypes with padding declare up to a block more.
 *
 * @throws WsmanError `WSMAN_FRAMING_INVALID`.
 */
export function checkPlainLength(message: EncryptedMessage, plain: Uint8Array): void {
  const padding = message.length - plain.length;
  if (padding < 0 || padding > 16) {
    refuse(`the sender declared ${message.length} bytes, the sealed message holds ${plain.length}`);
  }
}

function readProtocol(text: string | undefined): SealProtocol {
  for (const known of Object.values(SealProtocol))
    if (known.toLowerCase() === text?.toLowerCase()) return known;
  return refuse(`the protocol ${text ?? "(none)"} is not supported`);
}

function refuse(why: string): never {
  throw new WsmanError(`encrypted message refused: ${why}`, {
    code: "WSMAN_FRAMING_INVALID",
    family: "peer",
  });
}
