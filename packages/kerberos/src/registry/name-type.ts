/** Principal name types: RFC 4120 section 6.2, RFC 6111, RFC 6806, MS-KILE section 2.2.8 and MS-SFU. */
export const NameType = {
  unknown: 0,
  principal: 1,
  srvInst: 2,
  srvHst: 3,
  srvXhst: 4,
  uid: 5,
  x500Principal: 6,
  smtpName: 7,
  enterprise: 10,
  wellKnown: 11,
  srvHstDomain: 12,
  msPrincipal: -128,
  msPrincipalAndId: -129,
  entPrincipalAndId: -130,
} as const;
