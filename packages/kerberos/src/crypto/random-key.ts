import { type Random, systemRandom } from "@waybill/base";
import { KerberosError } from "../errors.ts";
import { enctypeInfo } from "./enctypes.ts";
import type { EncryptionKey } from "./types.ts";

/** A new key of uniformly random octets. */
export function randomKey(etype: number, random: Random = systemRandom): EncryptionKey {
  return randomToKey(etype, random.bytes(enctypeInfo(etype).keySize));
}

/**
 * A key from octets that are already uniformly random: RFC 3961 section 3. Every type here takes them as they are.
 *
 * @throws KerberosError KDC_ERR_ETYPE_NOSUPP, BAD_KEY_SIZE
 */
export function randomToKey(etype: number, octets: Uint8Array): EncryptionKey {
  const { keySize, name } = enctypeInfo(etype);
  if (octets.length !== keySize) {
    throw new KerberosError(`a ${name} key is made of ${keySize} octets, not ${octets.length}`, {
      code: "BAD_KEY_SIZE",
      family: "caller",
      facts: { etype, size: octets.length },
    });
  }
  return { keytype: etype, keyvalue: new Uint8Array(octets) };
}
