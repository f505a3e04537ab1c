/** Message types: RFC 4120 section 7.5.7. The message's APPLICATION tag is the same number. */
export const MsgType = {
  asReq: 10,
  asRep: 11,
  tgsReq: 12,
  tgsRep: 13,
  apReq: 14,
  apRep: 15,
  krbSafe: 20,
  krbPriv: 21,
  krbCred: 22,
  krbError: 30,
} as const;
