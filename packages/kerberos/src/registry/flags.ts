/**
 * Flag words. RFC 4120 numbers bits from the most significant one, so bit 0 is 0x80000000. All values are
 * unsigned: combine with `|` and finish with `>>> 0` where a plain number is compared.
 */

/** TicketFlags: RFC 4120 section 5.3, RFC 6806 section 11 (encPaRep), RFC 8062 (anonymous). */
export const TicketFlags = {
  reserved: 0x80000000,
  forwardable: 0x40000000,
  forwarded: 0x20000000,
  proxiable: 0x10000000,
  proxy: 0x08000000,
  mayPostdate: 0x04000000,
  postdated: 0x02000000,
  invalid: 0x01000000,
  renewable: 0x00800000,
  initial: 0x00400000,
  preAuthent: 0x00200000,
  hwAuthent: 0x00100000,
  transitedPolicyChecked: 0x00080000,
  okAsDelegate: 0x00040000,
  encPaRep: 0x00010000,
  anonymous: 0x00008000,
} as const;

/** KDCOptions: RFC 4120 section 5.4.1, RFC 6806 (canonicalize), MS-SFU section 2.2.3 (cnameInAddlTkt). */
export const KdcOptions = {
  forwardable: 0x40000000,
  forwarded: 0x20000000,
  proxiable: 0x10000000,
  proxy: 0x08000000,
  allowPostdate: 0x04000000,
  postdated: 0x02000000,
  renewable: 0x00800000,
  cnameInAddlTkt: 0x00020000,
  canonicalize: 0x00010000,
  requestAnonymous: 0x00008000,
  disableTransitedCheck: 0x00000020,
  renewableOk: 0x00000010,
  encTktInSkey: 0x00000008,
  renew: 0x00000002,
  validate: 0x00000001,
} as const;

/** APOptions: RFC 4120 section 5.5.1, RFC 6806 bits unused. */
export const ApOptions = {
  useSessionKey: 0x40000000,
  mutualRequired: 0x20000000,
} as const;

/** PA-PAC-OPTIONS: MS-KILE section 2.2.10, MS-SFU section 2.2.5. */
export const PacOptions = {
  claims: 0x80000000,
  branchAware: 0x40000000,
  forwardToFullDc: 0x20000000,
  resourceBasedConstrainedDelegation: 0x10000000,
} as const;

/** S4UUserID options: MS-SFU section 2.2.2. */
export const S4uUserOptions = {
  logonHoursChecked: 0x40000000,
  /** The reply's checksum is to be made with key usage 27. */
  useReplyKeyUsage: 0x20000000,
} as const;

/** FastOptions: RFC 6113 section 5.4.2. */
export const FastOptions = {
  hideClientNames: 0x40000000,
  kdcFollowReferrals: 0x00008000,
} as const;

/** msDS-SupportedEncryptionTypes and the value of PA-SUPPORTED-ENCTYPES: MS-KILE section 2.2.7. */
export const SupportedEncTypes = {
  desCbcCrc: 0x01,
  desCbcMd5: 0x02,
  rc4Hmac: 0x04,
  aes128CtsHmacSha1: 0x08,
  aes256CtsHmacSha1: 0x10,
  aes256SessionKey: 0x20,
  fastSupported: 0x10000,
  compoundIdentitySupported: 0x20000,
  claimsSupported: 0x40000,
  resourceSidCompressionDisabled: 0x80000,
} as const;
