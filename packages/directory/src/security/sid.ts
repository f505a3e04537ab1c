import { formatSid, parseSid } from "@waybill/kerberos";
import { DirectoryError } from "../errors.ts";

/** Octets of a SID in text form: MS-DTYP section 2.4.2.2. @throws DirectoryError BAD_VALUE */
export function encodeSid(sid: string): Uint8Array {
  try {
    return parseSid(sid);
  } catch (cause) {
    throw new DirectoryError(`"${sid.slice(0, 80)}" is no security identifier`, {
      code: "BAD_VALUE",
      family: "caller",
      remedy: "Write it as S-1-5-21-1-2-3-1104.",
      cause,
    });
  }
}

/** Text form of the SID at `offset`; its length is `sidLength`. @throws DirectoryError BAD_VALUE */
export function decodeSid(bytes: Uint8Array, offset = 0): string {
  try {
    return formatSid(bytes.subarray(offset, offset + sidLength(bytes, offset)));
  } catch (cause) {
    throw new DirectoryError("these octets are no security identifier", {
      code: "BAD_VALUE",
      family: "peer",
      facts: { length: bytes.length, offset },
      cause,
    });
  }
}

/** Octets a SID takes, by its sub-authority count. */
export function sidLength(bytes: Uint8Array, offset = 0): number {
  return 8 + 4 * (bytes[offset + 1] ?? 0);
}

/** A SID without its last sub-authority: the domain of an account. */
export function domainOf(sid: string): string {
  return sid.slice(0, sid.lastIndexOf("-"));
}
