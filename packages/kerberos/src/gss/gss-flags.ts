/** Context flags: RFC 4121 section 4.1.1.1, RFC 4757 section 7.1 for the Microsoft ones. */
export const GssFlags = {
  delegate: 0x1,
  mutual: 0x2,
  replay: 0x4,
  sequence: 0x8,
  confidentiality: 0x10,
  integrity: 0x20,
  anonymous: 0x40,
  /** Three legs, no framing: DCE RPC. */
  dceStyle: 0x1000,
  /** The acceptor may identify the initiator but not act for it. */
  identify: 0x2000,
  extendedError: 0x4000,
} as const;

/** What an initiator asks for unless told otherwise: everything but delegation. */
export const defaultGssFlags: number =
  GssFlags.mutual | GssFlags.replay | GssFlags.sequence | GssFlags.confidentiality | GssFlags.integrity;
