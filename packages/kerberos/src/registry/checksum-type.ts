/** Checksum types: IANA "Kerberos Checksum Type Numbers"; RFC 3961, 3962, 4757, 8009. */
export const ChecksumType = {
  none: 0,
  crc32: 1,
  rsaMd4: 2,
  rsaMd5: 7,
  hmacSha1Des3: 12,
  hmacSha1Aes128: 15,
  hmacSha1Aes256: 16,
  cmacCamellia128: 17,
  cmacCamellia256: 18,
  hmacSha256Aes128: 19,
  hmacSha384Aes256: 20,
  /** The authenticator "checksum" of RFC 4121 section 4.1.1: no checksum, but flags and delegation. */
  gssApi: 0x8003,
  /** KERB_CHECKSUM_HMAC_MD5, RFC 4757 section 4: works with a key of any type. */
  hmacMd5: -138,
} as const;
