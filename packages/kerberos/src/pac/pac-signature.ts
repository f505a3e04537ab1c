import { pooledBytes } from "@waybill/base";
import { checksum, checksumSize, checksumTypeFor, verifyChecksum } from "../crypto/checksum.ts";
import type { EncryptionKey } from "../messages/index.ts";
import { KeyUsage } from "../registry/key-usage.ts";
import { PacType } from "../registry/pac-type.ts";
import { decodePac, layOut, type Pac, type PacBuffer } from "./pac.ts";
import { malformed, PacError, type PacErrorCode } from "./pac-error.ts";

/** PAC_SIGNATURE_DATA, [MS-PAC] 2.8. */
export interface PacSignature {
  readonly type: number;
  readonly signature: Uint8Array;
  /** Set by a read-only domain controller: the first 16 bits of its krbtgt key version. */
  readonly rodcIdentifier?: number | undefined;
}

/** The keys a PAC is signed with. */
export interface SignPacOptions {
  /** The key the ticket is encrypted with. */
  readonly serverKey: EncryptionKey;
  /** The key of krbtgt. */
  readonly kdcKey: EncryptionKey;
  /**
   * For a ticket to a service that is not krbtgt: the DER of the EncTicketPart whose PAC is one zero byte.
   * Given, the ticket signature and the full signature are added; without it neither is.
   */
  readonly encTicketPart?: Uint8Array | undefined;
}

function typeFor(key: EncryptionKey): { type: number; length: number } {
  const type = checksumTypeFor(key.keytype);
  return { type, length: checksumSize(type) ?? 0 };
}

function blank(type: number, shape: { type: number; length: number }): PacBuffer {
  const data = pooledBytes(4 + shape.length);
  for (let at = 0; at < 4; at++) data[at] = shape.type >> (8 * at);
  return { type, data };
}

/**
 * Signs a PAC and returns its encoding. Order as [MS-PAC] 2.8 has it: the ticket signature first; the full
 * signature over the PAC with the other three blank; the server signature over the PAC with its own and the KDC's
 * blank; the KDC signature over the server's.
 *
 * @throws KerberosError KDC_ERR_ETYPE_NOSUPP, BAD_KEY_SIZE: about the keys
 */
export function signPac(pac: Pac, options: SignPacOptions): Uint8Array {
  const { serverKey, kdcKey, encTicketPart } = options;
  const serverShape = typeFor(serverKey);
  const kdcShape = typeFor(kdcKey);
  const buffers = pac.buffers.filter(({ type }) => !isSignature(type));
  const first = buffers.length;
  buffers.push(blank(PacType.serverChecksum, serverShape), blank(PacType.kdcChecksum, kdcShape));
  if (encTicketPart !== undefined) {
    buffers.push(blank(PacType.ticketChecksum, kdcShape), blank(PacType.fullChecksum, kdcShape));
  }
  const { bytes, offsets } = layOut(buffers);
  const place = (index: number, key: EncryptionKey, type: number, data: Uint8Array): Uint8Array => {
    const made = checksum(key, KeyUsage.pacSignature, data, type).checksum;
    bytes.set(made, (offsets[first + index] ?? 0) + 4);
    return made;
  };
  if (encTicketPart !== undefined) {
    place(2, kdcKey, kdcShape.type, encTicketPart);
    place(3, kdcKey, kdcShape.type, bytes);
  }
  const server = place(0, serverKey, serverShape.type, bytes);
  place(1, kdcKey, kdcShape.type, server);
  return bytes;
}

function isSignature(type: number): boolean {
  return (
    type === PacType.serverChecksum ||
    type === PacType.kdcChecksum ||
    type === PacType.ticketChecksum ||
    type === PacType.fullChecksum
  );
}

/** Reads a signature buffer (types 6, 7, 16, 19). @throws PacError PAC_MALFORMED, PAC_SIGNATURE_TYPE_REFUSED */
export function decodeSignature(data: Uint8Array): PacSignature {
  const view = Buffer.from(data.buffer, data.byteOffset, data.length);
  if (view.length < 4) throw malformed("PAC_SIGNATURE_DATA", "truncated");
  const type = view.readInt32LE(0);
  const length = checksumSize(type);
  if (length === undefined) {
    throw new PacError("PAC_SIGNATURE_TYPE_REFUSED", `checksum type ${type} does not sign PACs`, { type });
  }
  if (view.length < 4 + length) throw malformed("PAC_SIGNATURE_DATA.Signature", "truncated");
  const rodc = view.length >= 6 + length ? view.readUInt16LE(4 + length) : 0;
  return {
    type,
    signature: data.subarray(4, 4 + length),
    ...(rodc === 0 ? {} : { rodcIdentifier: rodc }),
  };
}

/** The signature of one kind; undefined when the PAC has none. */
export function signatureOf(pac: Pac, type: number): PacSignature | undefined {
  const data = pac.buffer(type);
  return data === undefined ? undefined : decodeSignature(data);
}

function needSignature(pac: Pac, type: number, name: string): PacSignature {
  const signature = signatureOf(pac, type);
  if (signature !== undefined) return signature;
  throw new PacError("PAC_SIGNATURE_MISSING", `the PAC has no ${name} signature`, { signature: name });
}

/** The PAC's encoding with the given signatures blanked. */
function blanked(pac: Pac, types: readonly number[]): Uint8Array {
  const source = pac.bytes;
  if (source === undefined) {
    throw new PacError("PAC_SIGNATURE_MISSING", "a PAC that was never encoded has no signatures");
  }
  const copy = pooledBytes(source.length);
  copy.set(source);
  for (const type of types) {
    const data = pac.buffer(type);
    if (data === undefined) continue;
    // A signature of a type that proves nothing was still part of what the others were made over.
    const view = Buffer.from(data.buffer, data.byteOffset, data.length);
    const length = (data.length < 4 ? undefined : checksumSize(view.readInt32LE(0))) ?? data.length - 4;
    // Buffers are views of the PAC's own bytes, so their place in it follows from their addresses.
    const start = data.byteOffset - source.byteOffset + 4;
    copy.fill(0, start, Math.min(start + length, data.byteOffset - source.byteOffset + data.length));
  }
  return copy;
}

function check(key: EncryptionKey, signature: PacSignature, data: Uint8Array, code: PacErrorCode): void {
  const made = { cksumtype: signature.type, checksum: signature.signature };
  if (!verifyChecksum(key, KeyUsage.pacSignature, data, made)) {
    throw new PacError(
      code,
      `${signatureNames[code] ?? "PAC"} signature does not verify: altered, or another key`,
    );
  }
}

const signatureNames: Partial<Record<PacErrorCode, string>> = {
  PAC_SERVER_SIGNATURE_INVALID: "the PAC's server",
  PAC_KDC_SIGNATURE_INVALID: "the PAC's KDC",
  PAC_TICKET_SIGNATURE_INVALID: "the PAC's ticket",
  PAC_FULL_SIGNATURE_INVALID: "the PAC's full",
};

/** What a service can check: the PAC was made for a ticket to this key. @throws PacError */
export function verifyServerSignature(pac: Pac, serverKey: EncryptionKey): void {
  const signature = needSignature(pac, PacType.serverChecksum, "server");
  const data = blanked(pac, [PacType.serverChecksum, PacType.kdcChecksum]);
  check(serverKey, signature, data, "PAC_SERVER_SIGNATURE_INVALID");
}

/** The KDC's counter-signature of the server signature. @throws PacError */
export function verifyKdcSignature(pac: Pac, kdcKey: EncryptionKey): void {
  const signature = needSignature(pac, PacType.kdcChecksum, "KDC");
  const server = needSignature(pac, PacType.serverChecksum, "server");
  check(kdcKey, signature, server.signature, "PAC_KDC_SIGNATURE_INVALID");
}

/** CVE-2020-17049: the ticket around the PAC is as the KDC issued it. `blankPart` holds one zero byte as PAC. @throws PacError */
export function verifyTicketSignature(pac: Pac, kdcKey: EncryptionKey, blankPart: Uint8Array): void {
  const signature = needSignature(pac, PacType.ticketChecksum, "ticket");
  check(kdcKey, signature, blankPart, "PAC_TICKET_SIGNATURE_INVALID");
}

/** CVE-2022-37967: the whole PAC is as the KDC issued it. @throws PacError */
export function verifyFullSignature(pac: Pac, kdcKey: EncryptionKey): void {
  const signature = needSignature(pac, PacType.fullChecksum, "full");
  const data = blanked(pac, [PacType.serverChecksum, PacType.kdcChecksum, PacType.fullChecksum]);
  check(kdcKey, signature, data, "PAC_FULL_SIGNATURE_INVALID");
}

/** The keys there are to verify with; each verifies what it can. */
export interface VerifyPacOptions {
  readonly serverKey?: EncryptionKey | undefined;
  readonly kdcKey?: EncryptionKey | undefined;
  /** Of a service ticket: DER of the EncTicketPart whose PAC is one zero byte. Needs `kdcKey`. */
  readonly encTicketPart?: Uint8Array | undefined;
  /** Refuse a service ticket's PAC that has no full signature. Without it, one that is there must still hold. */
  readonly requireFullSignature?: boolean | undefined;
}

/**
 * Verifies every signature the given keys can verify. A service passes its own key; a KDC passes both keys, and for
 * a service ticket the ticket too.
 *
 * @throws PacError PAC_SIGNATURE_MISSING, PAC_SIGNATURE_TYPE_REFUSED, PAC_{SERVER,KDC,TICKET,FULL}_SIGNATURE_INVALID
 */
export function verifyPac(pac: Pac | Uint8Array, options: VerifyPacOptions): Pac {
  const read = pac instanceof Uint8Array ? decodePac(pac) : pac;
  const { serverKey, kdcKey, encTicketPart } = options;
  if (serverKey !== undefined) verifyServerSignature(read, serverKey);
  if (kdcKey === undefined) return read;
  verifyKdcSignature(read, kdcKey);
  if (encTicketPart !== undefined) verifyTicketSignature(read, kdcKey, encTicketPart);
  if (options.requireFullSignature || read.buffer(PacType.fullChecksum) !== undefined) {
    verifyFullSignature(read, kdcKey);
  }
  return read;
}
