import { KerberosError } from "../errors.ts";
import { ChecksumType } from "../registry/checksum-type.ts";
import { EncType } from "../registry/enc-type.ts";
import { AesSha1Schedule, aesSha1StringToKey } from "./aes-sha1.ts";
import { type AesSha2Parameters, AesSha2Schedule, aesSha2StringToKey } from "./aes-sha2.ts";
import { Rc4HmacSchedule, rc4StringToKey } from "./rc4-hmac.ts";
import type { EncTypeInfo } from "./types.ts";

const sha256: AesSha2Parameters = {
  name: "aes128-cts-hmac-sha256-128",
  hash: "sha256",
  keySize: 16,
  macSize: 16,
  prfSize: 32,
};
const sha384: AesSha2Parameters = {
  name: "aes256-cts-hmac-sha384-192",
  hash: "sha384",
  keySize: 32,
  macSize: 24,
  prfSize: 48,
};

/** The encryption types this package speaks, the strongest that Active Directory knows first. */
const table: readonly EncTypeInfo[] = [
  {
    etype: EncType.aes256CtsHmacSha1,
    name: "aes256-cts-hmac-sha1-96",
    aliases: ["aes256-cts", "aes256-sha1"],
    family: "aes",
    keySize: 32,
    confounderSize: 16,
    macSize: 12,
    checksumType: ChecksumType.hmacSha1Aes256,
    checksumSize: 12,
    prfSize: 16,
    defaultIterations: 4096,
    allowedByDefault: true,
    schedule: (keyvalue) => new AesSha1Schedule(keyvalue),
    stringToKey: aesSha1StringToKey(32),
  },
  {
    etype: EncType.aes128CtsHmacSha1,
    name: "aes128-cts-hmac-sha1-96",
    aliases: ["aes128-cts", "aes128-sha1"],
    family: "aes",
    keySize: 16,
    confounderSize: 16,
    macSize: 12,
    checksumType: ChecksumType.hmacSha1Aes128,
    checksumSize: 12,
    prfSize: 16,
    defaultIterations: 4096,
    allowedByDefault: true,
    schedule: (keyvalue) => new AesSha1Schedule(keyvalue),
    stringToKey: aesSha1StringToKey(16),
  },
  {
    etype: EncType.aes256CtsHmacSha384,
    name: sha384.name,
    aliases: ["aes256-sha2"],
    family: "aes",
    keySize: 32,
    confounderSize: 16,
    macSize: 24,
    checksumType: ChecksumType.hmacSha384Aes256,
    checksumSize: 24,
    prfSize: 48,
    defaultIterations: 32768,
    allowedByDefault: true,
    schedule: (keyvalue) => new AesSha2Schedule(sha384, keyvalue),
    stringToKey: aesSha2StringToKey(sha384),
  },
  {
    etype: EncType.aes128CtsHmacSha256,
    name: sha256.name,
    aliases: ["aes128-sha2"],
    family: "aes",
    keySize: 16,
    confounderSize: 16,
    macSize: 16,
    checksumType: ChecksumType.hmacSha256Aes128,
    checksumSize: 16,
    prfSize: 32,
    defaultIterations: 32768,
    allowedByDefault: true,
    schedule: (keyvalue) => new AesSha2Schedule(sha256, keyvalue),
    stringToKey: aesSha2StringToKey(sha256),
  },
  {
    etype: EncType.rc4Hmac,
    name: "arcfour-hmac",
    aliases: ["rc4-hmac", "arcfour-hmac-md5"],
    family: "rc4",
    keySize: 16,
    confounderSize: 8,
    macSize: 16,
    checksumType: ChecksumType.hmacMd5,
    checksumSize: 16,
    prfSize: 20,
    defaultIterations: 0,
    allowedByDefault: false,
    schedule: (keyvalue) => new Rc4HmacSchedule(keyvalue),
    stringToKey: rc4StringToKey,
  },
];

const byNumber: ReadonlyMap<number, EncTypeInfo> = new Map(table.map((row) => [row.etype, row]));

/** The types offered and accepted when nobody says otherwise: AES only, in order of preference. */
export const defaultEncTypes: readonly number[] = table
  .filter((row) => row.allowedByDefault)
  .map((row) => row.etype);

/** The default types followed by rc4-hmac: for domains with accounts that have no AES keys. */
export const encTypesWithRc4: readonly number[] = table.map((row) => row.etype);

/** All rows of the table, in order of preference. */
export const supportedEncTypes: readonly EncTypeInfo[] = table;

/** The row of an encryption type, or `undefined` for one this package does not speak. */
export function findEncType(etype: number): EncTypeInfo | undefined {
  return byNumber.get(etype);
}

/**
 * The row of an encryption type.
 *
 * @throws KerberosError KDC_ERR_ETYPE_NOSUPP
 */
export function enctypeInfo(etype: number): EncTypeInfo {
  const row = byNumber.get(etype);
  if (row === undefined) {
    throw new KerberosError(`encryption type ${etype} is not supported`, {
      code: "KDC_ERR_ETYPE_NOSUPP",
      facts: { etype },
      remedy:
        "Give the account an AES key: reset its password, and allow AES in msDS-SupportedEncryptionTypes.",
    });
  }
  return row;
}

/** Octets that `encrypt` makes of `length` octets of plaintext. */
export function ciphertextLength(etype: number, length: number): number {
  const row = enctypeInfo(etype);
  return row.confounderSize + length + row.macSize;
}
