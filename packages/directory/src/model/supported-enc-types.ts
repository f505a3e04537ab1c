/** Bits of msDS-SupportedEncryptionTypes: MS-KILE section 2.2.7. */
export const SupportedEncTypes = {
  desCbcCrc: 0x1,
  desCbcMd5: 0x2,
  rc4Hmac: 0x4,
  aes128CtsHmacSha1: 0x8,
  aes256CtsHmacSha1: 0x10,
  /** AES session keys for services that still keep RC4 tickets (CVE-2022-37966). */
  aes256SessionKey: 0x20,
  aes128CtsHmacSha256: 0x40,
  aes256CtsHmacSha384: 0x80,
  fastSupported: 0x10000,
  compoundIdentitySupported: 0x20000,
  claimsSupported: 0x40000,
  resourceSidCompressionDisabled: 0x80000,
} as const;

/** What accounts without msDS-SupportedEncryptionTypes get since the April 2026 updates: AES only (CVE-2026-20833). */
export const defaultDomainSupportedEncTypes: number =
  SupportedEncTypes.aes128CtsHmacSha1 | SupportedEncTypes.aes256CtsHmacSha1;
