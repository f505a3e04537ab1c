import { equalSecrets } from "@waybill/base";
import { KerberosError } from "../errors.ts";
import { ChecksumType } from "../registry/checksum-type.ts";
import { enctypeInfo, supportedEncTypes } from "./enctypes.ts";
import { hmacMd5Checksum } from "./rc4-hmac.ts";
import { scheduleOf } from "./schedule.ts";
import type { Checksum, EncryptionKey } from "./types.ts";

/** The checksum that goes with the key's encryption type. */
export function checksumTypeFor(etype: number): number {
  return enctypeInfo(etype).checksumType;
}

/** Octets of a keyed checksum, or `undefined` for a type this package does not make. */
export function checksumSize(cksumtype: number): number | undefined {
  return supportedEncTypes.find((row) => row.checksumType === cksumtype)?.checksumSize;
}

/**
 * A keyed checksum over `data`: RFC 3961 section 4. Without `cksumtype` the one of the key's own type.
 * KERB_CHECKSUM_HMAC_MD5 (-138) goes with a key of any type.
 *
 * @throws KerberosError KDC_ERR_SUMTYPE_NOSUPP for an unkeyed or unknown type, or one of another key type
 */
export function checksum(key: EncryptionKey, usage: number, data: Uint8Array, cksumtype?: number): Checksum {
  const type = cksumtype ?? checksumTypeFor(key.keytype);
  const value = compute(key, usage, data, type);
  if (value === undefined) {
    throw new KerberosError(
      `checksum type ${type} cannot be made with a key of encryption type ${key.keytype}`,
      {
        code: "KDC_ERR_SUMTYPE_NOSUPP",
        facts: { cksumtype: type, etype: key.keytype },
      },
    );
  }
  return { cksumtype: type, checksum: value };
}

/**
 * Whether `received` was made over `data` with this key and usage; compared in constant time. A type that is unkeyed,
 * unknown or of another key type is `false`: it proves nothing.
 *
 * @throws KerberosError KDC_ERR_ETYPE_NOSUPP, BAD_KEY_SIZE: about the key, never about what was received
 */
export function verifyChecksum(
  key: EncryptionKey,
  usage: number,
  data: Uint8Array,
  received: Checksum,
): boolean {
  const value = compute(key, usage, data, received.cksumtype);
  return value !== undefined && equalSecrets(value, received.checksum);
}

function compute(key: EncryptionKey, usage: number, data: Uint8Array, type: number): Uint8Array | undefined {
  if (type === enctypeInfo(key.keytype).checksumType) return scheduleOf(key).checksum(usage, data);
  return type === ChecksumType.hmacMd5 ? hmacMd5Checksum(key.keyvalue, usage, data) : undefined;
}
