import { defective, GssError } from "./gss-error.ts";
import { GssFlags } from "./gss-flags.ts";

/** The contents of the authenticator's "checksum" of type 0x8003: RFC 4121 section 4.1.1. */
export interface AuthenticatorChecksum {
  /** 16 octets: MD5 of the channel bindings, or zeros. */
  readonly bindings: Uint8Array;
  /** `GssFlags` */
  readonly flags: number;
  /** An encoded KRB-CRED. */
  readonly delegation?: Uint8Array | undefined;
}

/** The counterpart of `decodeAuthenticatorChecksum`. */
export function encodeAuthenticatorChecksum(value: AuthenticatorChecksum): Uint8Array {
  const { bindings, flags, delegation } = value;
  if (delegation !== undefined && delegation.length > 0xffff) {
    throw new GssError("GSS_INVALID_VALUE", "the delegated ticket is too large to be sent", {
      family: "caller",
    });
  }
  const bytes = Buffer.alloc(24 + (delegation === undefined ? 0 : 4 + delegation.length));
  bytes.writeUInt32LE(16, 0);
  bytes.set(bindings, 4);
  bytes.writeUInt32LE(flags >>> 0, 20);
  if (delegation !== undefined) {
    bytes.writeUInt16LE(1, 24);
    bytes.writeUInt16LE(delegation.length, 26);
    bytes.set(delegation, 28);
  }
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** @throws GssError GSS_DEFECTIVE_TOKEN */
export function decodeAuthenticatorChecksum(bytes: Uint8Array): AuthenticatorChecksum {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.length < 24 || view.readUInt32LE(0) !== 16)
    throw defective("the authenticator's checksum is too short");
  const base = { bindings: bytes.subarray(4, 20), flags: view.readUInt32LE(20) };
  if ((base.flags & GssFlags.delegate) === 0) return base;
  if (view.length < 28 || view.readUInt16LE(24) !== 1) throw defective("bad delegation field");
  const length = view.readUInt16LE(26);
  if (length > view.length - 28) throw defective("truncated delegation field");
  return { ...base, delegation: bytes.subarray(28, 28 + length) };
}
