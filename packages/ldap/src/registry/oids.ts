/** Controls, with the section or the document that defines them. */
export const ControlOid = {
  /** RFC 2696 */
  pagedResults: "1.2.840.113556.1.4.319",
  /** RFC 2891 */
  sortRequest: "1.2.840.113556.1.4.473",
  sortResponse: "1.2.840.113556.1.4.474",
  /** RFC 4528 */
  assertion: "1.3.6.1.1.12",
  /** MS-ADTS 3.1.1.3.4.1.1 and following */
  showDeleted: "1.2.840.113556.1.4.417",
  extendedDn: "1.2.840.113556.1.4.529",
  sdFlags: "1.2.840.113556.1.4.801",
  treeDelete: "1.2.840.113556.1.4.805",
  domainScope: "1.2.840.113556.1.4.1339",
  permissiveModify: "1.2.840.113556.1.4.1413",
} as const;

export const ExtensionOid = {
  /** RFC 4511 section 4.14 */
  startTls: "1.3.6.1.4.1.1466.20037",
  /** RFC 4532 */
  whoAmI: "1.3.6.1.4.1.4203.1.11.3",
  /** RFC 4511 section 4.4.1, sent by a server that is about to close */
  noticeOfDisconnection: "1.3.6.1.4.1.1466.20036",
} as const;

/** Matching rules of AD, MS-ADTS 3.1.1.3.4.4. */
export const MatchingRule = {
  bitAnd: "1.2.840.113556.1.4.803",
  bitOr: "1.2.840.113556.1.4.804",
  transitive: "1.2.840.113556.1.4.1941",
} as const;
