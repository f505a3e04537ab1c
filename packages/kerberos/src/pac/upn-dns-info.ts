import { malformed, PacError } from "./pac-error.ts";
import { formatSid, parseSid, type Sid } from "./sid.ts";

/** Bits of {@link UpnDnsInfo.flags}, [MS-PAC] 2.10. */
export const UpnDnsFlags = {
  /** The account has no userPrincipalName; the one given is made up of account and domain name. */
  upnConstructed: 0x1,
  /** samName and sid follow. */
  hasSamNameAndSid: 0x2,
} as const;

/** UPN_DNS_INFO, [MS-PAC] 2.10. */
export interface UpnDnsInfo {
  readonly upn: string;
  readonly dnsDomainName: string;
  readonly flags: number;
  /** Present with flag hasSamNameAndSid, like {@link sid}. */
  readonly samName?: string | undefined;
  readonly sid?: Sid | undefined;
}

/** Reads buffer 12. @throws PacError PAC_MALFORMED */
export function decodeUpnDnsInfo(bytes: Uint8Array): UpnDnsInfo {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.length < 12) throw malformed("UPN_DNS_INFO", "truncated");
  const part = (at: number, field: string): Buffer => {
    const length = view.readUInt16LE(at);
    const start = view.readUInt16LE(at + 2);
    if (start + length > view.length) throw malformed(`UPN_DNS_INFO.${field}`, "lies outside its buffer");
    return view.subarray(start, start + length);
  };
  const text = (at: number, field: string): string => part(at, field).toString("utf16le");
  const flags = view.readUInt32LE(8);
  const base = { upn: text(0, "Upn"), dnsDomainName: text(4, "DnsDomainName"), flags };
  if ((flags & UpnDnsFlags.hasSamNameAndSid) === 0) return base;
  if (view.length < 20) throw malformed("UPN_DNS_INFO", "truncated");
  const sid = part(16, "Sid");
  const count = sid[1] ?? 0;
  if (sid[0] !== 1 || count > 15 || sid.length !== 8 + 4 * count)
    throw malformed("UPN_DNS_INFO.Sid", "not a SID");
  return { ...base, samName: text(12, "SamName"), sid: formatSid(sid) };
}

/** Writes buffer 12; the flag hasSamNameAndSid follows the members. @throws PacError PAC_INVALID_VALUE */
export function encodeUpnDnsInfo(info: UpnDnsInfo): Uint8Array {
  const extended = info.samName !== undefined && info.sid !== undefined;
  const upn = Buffer.from(info.upn, "utf16le");
  const dns = Buffer.from(info.dnsDomainName, "utf16le");
  const parts = [upn, dns];
  if (info.samName !== undefined && info.sid !== undefined) {
    parts.push(Buffer.from(info.samName, "utf16le"), Buffer.from(parseSid(info.sid)));
  }
  const align = (value: number): number => (value + 7) & ~7;
  const head = extended ? 24 : 16;
  // Texts start at multiples of 8, the SID right behind the account name, as Samba has it.
  const starts: number[] = [];
  let end = head;
  parts.forEach((part, index) => {
    starts.push(index < 3 ? align(end) : end);
    end = (starts[index] ?? 0) + part.length;
  });
  if (end > 0xffff) throw new PacError("PAC_INVALID_VALUE", "names are too long for UPN_DNS_INFO");
  const bytes = Buffer.alloc(align(end));
  parts.forEach((part, index) => {
    const offset = starts[index] ?? 0;
    // The two lengths of the extension come after the flags.
    const at = index < 2 ? index * 4 : 4 + index * 4;
    bytes.writeUInt16LE(part.length, at);
    bytes.writeUInt16LE(offset, at + 2);
    bytes.set(part, offset);
  });
  const mask = UpnDnsFlags.hasSamNameAndSid;
  bytes.writeUInt32LE((extended ? info.flags | mask : info.flags & ~mask) >>> 0, 8);
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
