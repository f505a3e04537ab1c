import { context, type Infer, octetString, optional, sequence } from "@waybill/asn1";
import { concatBytes } from "@waybill/base";
import { KerberosError } from "../errors.ts";
import { PrincipalName, Realm } from "./basic.ts";

/**
 * RFC 3244 section 2. `newpasswd` is UTF-8.
 *
 *     ChangePasswdData ::= SEQUENCE { newpasswd [0] OCTET STRING, targname [1] PrincipalName OPTIONAL, targrealm [2] Realm OPTIONAL }
 */
export const ChangePasswdData = sequence("ChangePasswdData", {
  newpasswd: context(0, octetString),
  targname: optional(context(1, PrincipalName)),
  targrealm: optional(context(2, Realm)),
});
export type ChangePasswdData = Infer<typeof ChangePasswdData>;

/** Protocol versions of a kpasswd request: RFC 3244 section 2 and the older change protocol. A reply has version 1. */
export const KpasswdVersion = { change: 1, set: 0xff80 } as const;

/** Result codes: RFC 3244 section 2. */
export const KpasswdResult = {
  success: 0,
  malformed: 1,
  hardError: 2,
  authError: 3,
  softError: 4,
  accessDenied: 5,
  badVersion: 6,
  initialFlagNeeded: 7,
} as const;

/**
 * The frame of RFC 3244 section 2, all numbers big-endian:
 *
 *     length(2) version(2) ap-length(2) AP-REQ-or-AP-REP KRB-PRIV
 *
 * In a reply an `ap` of no bytes means that `message` is a KRB-ERROR instead of a KRB-PRIV.
 */
export interface KpasswdFrame {
  readonly version: number;
  readonly ap: Uint8Array;
  readonly message: Uint8Array;
}

/** The counterpart of `decodeKpasswdFrame`. */
export function encodeKpasswdFrame(frame: KpasswdFrame): Uint8Array {
  const length = 6 + frame.ap.length + frame.message.length;
  if (length > 0xffff) throw malformed(`a frame of ${length} bytes does not fit its 16-bit length`);
  const { version, ap } = frame;
  const head = [length >> 8, length, version >> 8, version, ap.length >> 8, ap.length];
  return concatBytes(Uint8Array.from(head), ap, frame.message);
}

/** @throws KerberosError KPASSWD_MALFORMED */
export function decodeKpasswdFrame(bytes: Uint8Array): KpasswdFrame {
  if (bytes.length < 6) throw malformed(`${bytes.length} bytes are too short for a frame`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint16(0);
  const apLength = view.getUint16(4);
  if (length !== bytes.length) throw malformed(`the frame says ${length} bytes, ${bytes.length} came`);
  if (6 + apLength > length)
    throw malformed(`an AP message of ${apLength} bytes does not fit into ${length} bytes`);
  return {
    version: view.getUint16(2),
    ap: bytes.subarray(6, 6 + apLength),
    message: bytes.subarray(6 + apLength),
  };
}

/** What a kpasswd reply's KRB-PRIV says: a result code and a text for people (or AD's policy record). */
export interface KpasswdReply {
  readonly result: number;
  readonly text: Uint8Array;
}

/** @throws KerberosError KPASSWD_MALFORMED */
export function decodeKpasswdReply(userData: Uint8Array): KpasswdReply {
  const [high, low] = userData;
  if (high === undefined || low === undefined) throw malformed("a result without its code");
  return { result: (high << 8) | low, text: userData.subarray(2) };
}

/** The counterpart of `decodeKpasswdReply`. */
export function encodeKpasswdReply(reply: KpasswdReply): Uint8Array {
  return concatBytes(Uint8Array.of(reply.result >> 8, reply.result), reply.text);
}

function malformed(what: string): KerberosError {
  return new KerberosError(`malformed password change message: ${what}`, { code: "KPASSWD_MALFORMED" });
}
