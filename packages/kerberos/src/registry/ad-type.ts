/** Authorization data types: RFC 4120 section 7.5.4, RFC 4537, RFC 6113, MS-KILE. */
export const AdType = {
  ifRelevant: 1,
  kdcIssued: 4,
  andOr: 5,
  mandatoryTicketExtensions: 6,
  inTicketExtensions: 7,
  mandatoryForKdc: 8,
  initialVerifiedCas: 9,
  fxArmor: 71,
  authStrap: 72,
  win2kPac: 128,
  etypeNegotiation: 129,
  /** KERB_AUTH_DATA_TOKEN_RESTRICTIONS, MS-KILE section 2.2.6. */
  tokenRestrictions: 141,
  /** KERB-LOCAL, MS-KILE section 2.2.4. */
  local: 142,
  /** AD-AUTH-DATA-AP-OPTIONS, MS-KILE section 2.2.5. */
  apOptions: 143,
  /** KERB_AUTH_DATA_CLIENT_TARGET, MS-KILE section 2.2.7. */
  clientTarget: 144,
} as const;
