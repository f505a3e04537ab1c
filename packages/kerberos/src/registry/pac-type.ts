/** PAC buffer types: MS-PAC section 2.4. */
export const PacType = {
  logonInfo: 1,
  credentials: 2,
  serverChecksum: 6,
  kdcChecksum: 7,
  clientInfo: 10,
  delegationInfo: 11,
  upnDnsInfo: 12,
  clientClaims: 13,
  deviceInfo: 14,
  deviceClaims: 15,
  ticketChecksum: 16,
  attributes: 17,
  requestor: 18,
  fullChecksum: 19,
} as const;
