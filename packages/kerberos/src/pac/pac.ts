import { pooledBytes } from "@waybill/base";
import { PacType } from "../registry/pac-type.ts";
import { type ClaimsArray, decodeClaims, encodeClaims } from "./claims.ts";
import { type ClientInfo, decodeClientInfo, encodeClientInfo } from "./client-info.ts";
import { type DelegationInfo, decodeDelegationInfo, encodeDelegationInfo } from "./delegation-info.ts";
import type { LogonInfo } from "./logon-info.ts";
import { decodeLogonInfo, encodeLogonInfo } from "./logon-info-codec.ts";
import { decodePacAttributes, encodePacAttributes } from "./pac-attributes.ts";
import { malformed, PacError } from "./pac-error.ts";
import { formatSid, parseSid, type Sid } from "./sid.ts";
import { decodeUpnDnsInfo, encodeUpnDnsInfo, type UpnDnsInfo } from "./upn-dns-info.ts";

/** One PAC_INFO_BUFFER with its data, without the padding behind it. */
export interface PacBuffer {
  readonly type: number;
  readonly data: Uint8Array;
}

/** The typed parts a PAC can be made of; signatures are added by signing. */
export interface PacContent {
  readonly logonInfo?: LogonInfo | undefined;
  readonly clientInfo?: ClientInfo | undefined;
  readonly delegationInfo?: DelegationInfo | undefined;
  readonly upnDnsInfo?: UpnDnsInfo | undefined;
  /** See PacAttributeFlags. */
  readonly attributes?: number | undefined;
  /** SID of the account that asked for the ticket. */
  readonly requestor?: Sid | undefined;
  /** Opaque: PAC_CREDENTIAL_INFO. */
  readonly credentials?: Uint8Array | undefined;
  /** PAC_CLIENT_CLAIMS_INFO: what the directory says of the person. */
  readonly clientClaims?: readonly ClaimsArray[] | undefined;
  /** Opaque: PAC_DEVICE_INFO. */
  readonly deviceInfo?: Uint8Array | undefined;
  /** PAC_DEVICE_CLAIMS_INFO: what it says of the person's device. */
  readonly deviceClaims?: readonly ClaimsArray[] | undefined;
}

const maxBuffers = 64;
const signatureTypes: ReadonlySet<number> = new Set([
  PacType.serverChecksum,
  PacType.kdcChecksum,
  PacType.ticketChecksum,
  PacType.fullChecksum,
]);

/**
 * A privilege attribute certificate, [MS-PAC]: the buffers as they are on the wire, decoded when first looked at.
 * The typed members throw PacError PAC_MALFORMED when their buffer is; an absent buffer reads as undefined.
 */
export class Pac implements PacContent {
  /** In wire order, unknown types included. */
  readonly buffers: readonly PacBuffer[];
  /** The encoded PAC these buffers came from; signatures are verified over it. */
  readonly bytes: Uint8Array | undefined;
  readonly #decoded = new Map<number, unknown>();

  constructor(buffers: readonly PacBuffer[], bytes?: Uint8Array) {
    this.buffers = buffers;
    this.bytes = bytes;
  }

  /** The raw data of the buffer of one type. */
  buffer(type: number): Uint8Array | undefined {
    return this.buffers.find((buffer) => buffer.type === type)?.data;
  }

  #get<T>(type: number, decode: (data: Uint8Array) => T): T | undefined {
    const known = this.#decoded.get(type);
    // The map holds under each type only what that type's decoder made.
    if (known !== undefined) return known as T;
    const data = this.buffer(type);
    if (data === undefined) return undefined;
    const value = decode(data);
    this.#decoded.set(type, value);
    return value;
  }

  get logonInfo(): LogonInfo | undefined {
    return this.#get(PacType.logonInfo, decodeLogonInfo);
  }

  get clientInfo(): ClientInfo | undefined {
    return this.#get(PacType.clientInfo, decodeClientInfo);
  }

  get delegationInfo(): DelegationInfo | undefined {
    return this.#get(PacType.delegationInfo, decodeDelegationInfo);
  }

  get upnDnsInfo(): UpnDnsInfo | undefined {
    return this.#get(PacType.upnDnsInfo, decodeUpnDnsInfo);
  }

  get attributes(): number | undefined {
    return this.#get(PacType.attributes, decodePacAttributes);
  }

  get requestor(): Sid | undefined {
    return this.#get(PacType.requestor, decodeRequestor);
  }

  get credentials(): Uint8Array | undefined {
    return this.buffer(PacType.credentials);
  }

  get clientClaims(): readonly ClaimsArray[] | undefined {
    return this.#get(PacType.clientClaims, decodeClaims);
  }

  get deviceInfo(): Uint8Array | undefined {
    return this.buffer(PacType.deviceInfo);
  }

  get deviceClaims(): readonly ClaimsArray[] | undefined {
    return this.#get(PacType.deviceClaims, decodeClaims);
  }

  /**
   * A copy with some parts replaced, added, or (given as undefined) left out. Signatures are left out: they
   * would not hold any more. Everything else keeps its bytes and its place.
   */
  with(content: PacContent): Pac {
    const kept: PacBuffer[] = [];
    const replaced = new Map(encodeContent(content).map((buffer) => [buffer.type, buffer]));
    const dropped = new Set(Object.keys(content).map((name) => typeOf[name as keyof PacContent]));
    for (const buffer of this.buffers) {
      const replacement = replaced.get(buffer.type);
      if (replacement !== undefined) {
        kept.push(replacement);
        replaced.delete(buffer.type);
      } else if (!dropped.has(buffer.type) && !signatureTypes.has(buffer.type)) kept.push(buffer);
    }
    return new Pac([...kept, ...replaced.values()]);
  }
}

const typeOf: { readonly [Name in keyof Required<PacContent>]: number } = {
  logonInfo: PacType.logonInfo,
  credentials: PacType.credentials,
  clientInfo: PacType.clientInfo,
  delegationInfo: PacType.delegationInfo,
  upnDnsInfo: PacType.upnDnsInfo,
  clientClaims: PacType.clientClaims,
  deviceInfo: PacType.deviceInfo,
  deviceClaims: PacType.deviceClaims,
  attributes: PacType.attributes,
  requestor: PacType.requestor,
};

function encodeContent(content: PacContent): PacBuffer[] {
  const buffers: PacBuffer[] = [];
  const add = <T>(type: number, value: T | undefined, encode: (value: T) => Uint8Array): void => {
    if (value !== undefined) buffers.push({ type, data: encode(value) });
  };
  const same = (data: Uint8Array): Uint8Array => data;
  add(PacType.logonInfo, content.logonInfo, encodeLogonInfo);
  add(PacType.delegationInfo, content.delegationInfo, encodeDelegationInfo);
  add(PacType.credentials, content.credentials, same);
  add(PacType.clientInfo, content.clientInfo, encodeClientInfo);
  add(PacType.upnDnsInfo, content.upnDnsInfo, encodeUpnDnsInfo);
  add(PacType.clientClaims, content.clientClaims, encodeClaims);
  add(PacType.deviceInfo, content.deviceInfo, same);
  add(PacType.deviceClaims, content.deviceClaims, encodeClaims);
  add(PacType.attributes, content.attributes, encodePacAttributes);
  add(PacType.requestor, content.requestor, parseSid);
  return buffers;
}

/** A PAC without signatures, from its parts. @throws PacError PAC_INVALID_VALUE, PAC_INVALID_SID */
export function buildPac(content: PacContent): Pac {
  return new Pac(encodeContent(content));
}

function decodeRequestor(data: Uint8Array): Sid {
  const count = data[1] ?? 0;
  if (data[0] !== 1 || count > 15 || data.length !== 8 + 4 * count) throw malformed("REQUESTOR", "not a SID");
  return formatSid(data);
}

/**
 * Reads the frame of a PAC ([MS-PAC] 2.3): every buffer lies inside, aligned, apart from the others, and no type
 * comes twice. The bytes are kept, not copied.
 *
 * @throws PacError PAC_MALFORMED, PAC_DUPLICATE_BUFFER
 */
export function decodePac(bytes: Uint8Array): Pac {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.length < 8) throw malformed("PACTYPE", "truncated");
  const count = view.readUInt32LE(0);
  if (view.readUInt32LE(4) !== 0) throw malformed("PACTYPE.Version", `${view.readUInt32LE(4)} instead of 0`);
  const head = 8 + 16 * count;
  if (count > maxBuffers || head > view.length) throw malformed("PACTYPE.cBuffers", `${count} buffers`);
  const buffers: PacBuffer[] = [];
  const extents: [start: number, end: number][] = [];
  for (let at = 8; at < head; at += 16) {
    const type = view.readUInt32LE(at);
    const size = view.readUInt32LE(at + 4);
    const offset = view.readUInt32LE(at + 8);
    if (
      view.readUInt32LE(at + 12) !== 0 ||
      offset % 8 !== 0 ||
      offset < head ||
      offset + size > view.length
    ) {
      throw malformed(`PAC_INFO_BUFFER ${type}`, "lies outside the PAC or is not aligned");
    }
    if (buffers.some((other) => other.type === type)) {
      throw new PacError("PAC_DUPLICATE_BUFFER", `the PAC has two buffers of type ${type}`, { type });
    }
    if (size > 0 && extents.some(([start, end]) => offset < end && start < offset + size)) {
      throw malformed(`PAC_INFO_BUFFER ${type}`, "overlaps another buffer");
    }
    extents.push([offset, offset + size]);
    buffers.push({ type, data: bytes.subarray(offset, offset + size) });
  }
  return new Pac(buffers, bytes);
}

/** Writes the buffers as they are, in their order, each aligned to 8. @throws PacError PAC_DUPLICATE_BUFFER */
export function encodePac(pac: Pac): Uint8Array {
  return layOut(pac.buffers).bytes;
}

/** The encoded PAC with the place of each buffer's data in it. */
export function layOut(buffers: readonly PacBuffer[]): { bytes: Uint8Array; offsets: number[] } {
  let size = 8 + 16 * buffers.length;
  for (const { data } of buffers) size += (data.length + 7) & ~7;
  const bytes = pooledBytes(size);
  const view = new DataView(bytes.buffer, bytes.byteOffset, size);
  view.setUint32(0, buffers.length, true);
  const offsets: number[] = [];
  const seen = new Set<number>();
  let offset = 8 + 16 * buffers.length;
  let at = 8;
  for (const { type, data } of buffers) {
    if (seen.has(type)) throw new PacError("PAC_DUPLICATE_BUFFER", `two buffers of type ${type}`, { type });
    seen.add(type);
    view.setUint32(at, type, true);
    view.setUint32(at + 4, data.length, true);
    view.setUint32(at + 8, offset, true);
    bytes.set(data, offset);
    offsets.push(offset);
    offset += (data.length + 7) & ~7;
    at += 16;
  }
  return { bytes, offsets };
}
