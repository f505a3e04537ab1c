/** Key usage numbers: RFC 4120 section 7.5.1, RFC 4121 section 2, RFC 6113 section 5.4, MS-SFU section 2.2. */
export const KeyUsage = {
  asReqPaEncTimestamp: 1,
  ticket: 2,
  asRepEncPart: 3,
  tgsReqAuthDataSessionKey: 4,
  tgsReqAuthDataSubkey: 5,
  tgsReqAuthenticatorChecksum: 6,
  tgsReqAuthenticator: 7,
  tgsRepEncPartSessionKey: 8,
  tgsRepEncPartSubkey: 9,
  apReqAuthenticatorChecksum: 10,
  apReqAuthenticator: 11,
  apRepEncPart: 12,
  krbPrivEncPart: 13,
  krbCredEncPart: 14,
  krbSafeChecksum: 15,
  /** Generic key usage of MS-KILE and of PAC signatures (KERB_NON_KERB_CKSUM_SALT). */
  pacSignature: 17,
  paForUserChecksum: 17,
  adKdcIssuedChecksum: 19,
  gssAcceptorSeal: 22,
  gssAcceptorSign: 23,
  gssInitiatorSeal: 24,
  gssInitiatorSign: 25,
  /** PA-S4U-X509-USER checksum, request and (with rc4-hmac) reply: MS-SFU section 2.2.2. */
  paS4uX509UserRequest: 26,
  /** PA-S4U-X509-USER checksum of the reply: MS-SFU section 2.2.2. */
  paS4uX509UserReply: 27,
  fastReqChecksum: 50,
  fastEnc: 51,
  fastRep: 52,
  fastFinished: 53,
  encryptedChallengeClient: 54,
  encryptedChallengeKdc: 55,
  /** Checksum over the AS-REQ in PA-REQ-ENC-PA-REP: RFC 6806 section 11. */
  asReq: 56,
} as const;
