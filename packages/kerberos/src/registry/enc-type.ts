/** Encryption types: IANA "Kerberos Encryption Type Numbers"; RFC 3961, 3962, 4757, 8009. */
export const EncType = {
  null: 0,
  desCbcCrc: 1,
  desCbcMd4: 2,
  desCbcMd5: 3,
  des3CbcSha1: 16,
  aes128CtsHmacSha1: 17,
  aes256CtsHmacSha1: 18,
  aes128CtsHmacSha256: 19,
  aes256CtsHmacSha384: 20,
  rc4Hmac: 23,
  rc4HmacExp: 24,
  camellia128CtsCmac: 25,
  camellia256CtsCmac: 26,
} as const;
