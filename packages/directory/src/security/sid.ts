import { DirectoryError } from "../errors.ts";

/** Octets of a SID in text form: MS-DTYP section 2.4.2.2. @throws DirectoryError BAD_VALUE */
export function encodeSid(sid: string): Uint8Array {
  const parts = /^S-1-(\d+|0x[0-9a-f]{1,12})((?:-\d{1,10})*)$/i.exec(sid);
  if (parts === null) throw badSid(sid);
  const authority = BigInt(parts[1] ?? "0");
  const subAuthorities = (parts[2] ?? "").split("-").slice(1).map(Number);
  if (
    authority > 0xffffffffffffn ||
    subAuthorities.length > 15 ||
    subAuthorities.some((n) => n > 0xffffffff)
  ) {
    throw badSid(sid);
  }
  const bytes = new Uint8Array(8 + 4 * subAuthorities.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = 1;
  bytes[1] = subAuthorities.length;
  view.setUint16(2, Number(authority >> 32n));
  view.setUint32(4, Number(authority & 0xffffffffn));
  subAuthorities.forEach((value, index) => {
    view.setUint32(8 + 4 * index, value, true);
  });
  return bytes;
}

/** Text form of the SID at `offset`; its length is `sidLength`. @throws DirectoryError BAD_VALUE */
export function decodeSid(bytes: Uint8Array, offset = 0): string {
  const count = bytes[offset + 1];
  if (bytes[offset] !== 1 || count === undefined || count > 15 || offset + 8 + 4 * count > bytes.length) {
    throw new DirectoryError("these octets are no security identifier", {
      code: "BAD_VALUE",
      family: "peer",
      facts: { length: bytes.length, offset },
    });
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let text = `S-1-${view.getUint16(offset + 2) * 2 ** 32 + view.getUint32(offset + 4)}`;
  for (let index = 0; index < count; index++) text += `-${view.getUint32(offset + 8 + 4 * index, true)}`;
  return text;
}

/** Octets a SID takes, by its sub-authority count. */
export function sidLength(bytes: Uint8Array, offset = 0): number {
  return 8 + 4 * (bytes[offset + 1] ?? 0);
}

/** The last sub-authority. */
export function ridOf(sid: string): number {
  return Number(sid.slice(sid.lastIndexOf("-") + 1));
}

/** A SID without its last sub-authority: the domain of an account. */
export function domainOf(sid: string): string {
  return sid.slice(0, sid.lastIndexOf("-"));
}

function badSid(sid: string): DirectoryError {
  return new DirectoryError(`"${sid.slice(0, 80)}" is no security identifier`, {
    code: "BAD_VALUE",
    family: "caller",
    remedy: "Write it as S-1-5-21-1-2-3-1104.",
  });
}
