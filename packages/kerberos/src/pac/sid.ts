import { PacError } from "./pac-error.ts";

/** A security identifier in its usual notation, such as `S-1-5-21-1004336348-1177238915-682003330-512`. */
export type Sid = string;

/** [MS-DTYP] 2.4.2: at most this many sub-authorities follow the identifier authority. */
export const maxSubAuthorities = 15;

/** SIDs that say how an identity came about, [MS-DTYP] 2.4.2.4, and the ones a domain hands out everywhere. */
export const wellKnownSids = {
  /** The person proved their identity to the KDC. */
  authenticationAuthorityAssertedIdentity: "S-1-18-1",
  /** A service asserted the person's identity (protocol transition, S4U2Self). */
  serviceAssertedIdentity: "S-1-18-2",
  everyone: "S-1-1-0",
  anonymous: "S-1-5-7",
  authenticatedUsers: "S-1-5-11",
  localSystem: "S-1-5-18",
  administrators: "S-1-5-32-544",
  hyperVAdministrators: "S-1-5-32-578",
  claimsValid: "S-1-5-21-0-0-0-497",
} as const;

const pattern = /^S-1-(0x[0-9a-f]{1,12}|[0-9]{1,15})((?:-[0-9]{1,10})*)$/i;

/**
 * The binary form ([MS-DTYP] 2.4.2.2) of a SID in string form.
 *
 * @throws PacError PAC_INVALID_SID when the text is no SID.
 */
export function parseSid(sid: Sid): Uint8Array {
  const match = pattern.exec(sid);
  const authority = Number(match?.[1]);
  const tail = match?.[2] ?? "";
  const subAuthorities = tail === "" ? [] : tail.slice(1).split("-").map(Number);
  if (
    match === null ||
    authority >= 2 ** 48 ||
    subAuthorities.length > maxSubAuthorities ||
    subAuthorities.some((value) => value > 0xffffffff)
  ) {
    throw new PacError("PAC_INVALID_SID", `not a security identifier: ${JSON.stringify(sid.slice(0, 80))}`);
  }
  const bytes = Buffer.alloc(8 + 4 * subAuthorities.length);
  bytes[0] = 1;
  bytes[1] = subAuthorities.length;
  bytes.writeUIntBE(authority, 2, 6);
  subAuthorities.forEach((value, index) => {
    bytes.writeUInt32LE(value, 8 + 4 * index);
  });
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

/**
 * The string form of a binary SID that fills `bytes` exactly.
 *
 * @throws PacError PAC_INVALID_SID when the bytes are no SID of revision 1.
 */
export function formatSid(bytes: Uint8Array): Sid {
  const count = bytes[1] ?? 0;
  if (bytes[0] !== 1 || count > maxSubAuthorities || bytes.length !== 8 + 4 * count) {
    throw new PacError("PAC_INVALID_SID", `not a binary security identifier (${bytes.length} bytes)`);
  }
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const authority = view.readUIntBE(2, 6);
  let text = authority < 2 ** 32 ? `S-1-${authority}` : `S-1-0x${authority.toString(16).padStart(12, "0")}`;
  for (let index = 0; index < count; index++) text += `-${view.readUInt32LE(8 + 4 * index)}`;
  return text;
}

/** Whether the text is a SID this module can turn into its binary form. */
export function isSid(text: string): boolean {
  try {
    return parseSid(text).length > 0;
  } catch {
    return false;
  }
}

/** A domain's SID and a relative identifier make an account's SID. */
export function joinSid(domain: Sid, rid: number): Sid {
  return `${domain}-${rid >>> 0}`;
}

/**
 * Splits an account's SID into its domain's SID and the relative identifier.
 *
 * @throws PacError PAC_INVALID_SID when there is nothing to split.
 */
export function splitSid(sid: Sid): { readonly domain: Sid; readonly rid: number } {
  const at = sid.lastIndexOf("-");
  if (parseSid(sid).length < 12) {
    throw new PacError("PAC_INVALID_SID", `security identifier ${sid} has no relative identifier`);
  }
  return { domain: sid.slice(0, at), rid: Number(sid.slice(at + 1)) };
}
