export { type Claim, type ClaimsArray, ClaimsSource } from "./claims.ts";
export { type ClientInfo, checkClientInfo } from "./client-info.ts";
export type { DelegationInfo } from "./delegation-info.ts";
export type { FileTime } from "./file-time.ts";
export {
  allSids,
  GroupAttributes,
  type GroupMembership,
  type LogonInfo,
  type LogonInfoSeed,
  logonInfo,
  type SidAndAttributes,
  UserFlags,
  userSid,
} from "./logon-info.ts";
export { buildPac, decodePac, encodePac, Pac, type PacBuffer, type PacContent } from "./pac.ts";
export { PacAttributeFlags } from "./pac-attributes.ts";
export { PacError, type PacErrorCode } from "./pac-error.ts";
export {
  type PacSignature,
  type SignPacOptions,
  signatureOf,
  signPac,
  type VerifyPacOptions,
  verifyFullSignature,
  verifyKdcSignature,
  verifyPac,
  verifyServerSignature,
  verifyTicketSignature,
} from "./pac-signature.ts";
export { formatSid, isSid, joinSid, parseSid, type Sid, splitSid, wellKnownSids } from "./sid.ts";
export {
  extractTicketPac,
  pacAuthorizationData,
  replaceTicketPac,
  signTicketPac,
} from "./ticket-pac.ts";
export { UpnDnsFlags, type UpnDnsInfo } from "./upn-dns-info.ts";
