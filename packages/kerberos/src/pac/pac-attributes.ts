import { malformed } from "./pac-error.ts";

/** Bits of PAC_ATTRIBUTES_INFO, [MS-PAC] 2.14. */
export const PacAttributeFlags = {
  /** The client asked for a PAC. */
  requested: 0x1,
  /** The client said nothing and got one. */
  givenImplicitly: 0x2,
} as const;

/** Reads buffer 17; flags beyond the first 32 are ignored. @throws PacError PAC_MALFORMED */
export function decodePacAttributes(bytes: Uint8Array): number {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.length < 8) throw malformed("ATTRIBUTES_INFO", "truncated");
  return view.readUInt32LE(4);
}

/** Writes buffer 17. */
export function encodePacAttributes(flags: number): Uint8Array {
  const bytes = Buffer.allocUnsafeSlow(8);
  bytes.writeUInt32LE(2, 0);
  bytes.writeUInt32LE(flags >>> 0, 4);
  return new Uint8Array(bytes.buffer);
}
