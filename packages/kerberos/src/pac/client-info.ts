import { type EpochMs, pooledBytes } from "@waybill/base";
import { decodeFileTime, encodeFileTime } from "./file-time.ts";
import { malformed, PacError } from "./pac-error.ts";

/** PAC_CLIENT_INFO, [MS-PAC] 2.7: ties the PAC to the ticket it was issued in. */
export interface ClientInfo {
  /** The ticket's authtime. */
  readonly authTime: EpochMs;
  /** The client's name as in the ticket, without realm (with realm in cross-realm S4U2Self). */
  readonly name: string;
}

/** Reads buffer 10. @throws PacError PAC_MALFORMED */
export function decodeClientInfo(bytes: Uint8Array): ClientInfo {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.length < 10) throw malformed("CLIENT_INFO", "truncated");
  const length = view.readUInt16LE(8);
  if (length % 2 !== 0 || length > view.length - 10) throw malformed("CLIENT_INFO.Name", "bad length");
  return {
    authTime: decodeFileTime(view.readUInt32LE(0), view.readUInt32LE(4)) ?? 0,
    name: view.toString("utf16le", 10, 10 + length),
  };
}

/** Writes buffer 10. @throws PacError PAC_INVALID_VALUE */
export function encodeClientInfo(info: ClientInfo): Uint8Array {
  const length = info.name.length * 2;
  if (length > 0xffff) throw new PacError("PAC_INVALID_VALUE", "client name is too long for a PAC");
  const bytes = pooledBytes(10 + length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const { low, high } = encodeFileTime(info.authTime);
  view.setUint32(0, low, true);
  view.setUint32(4, high, true);
  view.setUint16(8, length, true);
  for (let at = 0; at < info.name.length; at++) view.setUint16(10 + 2 * at, info.name.charCodeAt(at), true);
  return bytes;
}

/**
 * Checks that the PAC was issued for this ticket: same client name, same authtime (to the second).
 *
 * @throws PacError PAC_CLIENT_MISMATCH
 */
export function checkClientInfo(info: ClientInfo | undefined, name: string, authTime: EpochMs): void {
  if (info === undefined) throw new PacError("PAC_CLIENT_MISMATCH", "the PAC does not say whose it is");
  if (info.name !== name) {
    throw new PacError("PAC_CLIENT_MISMATCH", `the PAC is ${info.name}'s, the ticket is ${name}'s`);
  }
  if (Math.floor(info.authTime / 1000) !== Math.floor(authTime / 1000)) {
    throw new PacError("PAC_CLIENT_MISMATCH", "the PAC's authentication time is not the ticket's", {
      pac: info.authTime,
      ticket: authTime,
    });
  }
}
