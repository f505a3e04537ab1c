import { KerberosError } from "../errors.ts";
import { enctypeInfo } from "./enctypes.ts";
import type { EncryptionKey, KeySchedule } from "./types.ts";

interface Entry {
  readonly keytype: number;
  readonly keyvalue: Uint8Array;
  readonly schedule: KeySchedule;
}

const schedules = new WeakMap<EncryptionKey, Entry>();

/**
 * What `key` can do, with everything derived from it so far. Kept for as long as the key object lives; hold on to
 * one object per key and use it again, since a fresh copy derives everything anew.
 *
 * @throws KerberosError KDC_ERR_ETYPE_NOSUPP, BAD_KEY_SIZE
 */
export function scheduleOf(key: EncryptionKey): KeySchedule {
  const known = schedules.get(key);
  if (known !== undefined && known.keyvalue === key.keyvalue && known.keytype === key.keytype)
    return known.schedule;
  const { keytype, keyvalue } = key;
  const row = enctypeInfo(keytype);
  if (keyvalue.length !== row.keySize) {
    throw new KerberosError(`a ${row.name} key has ${row.keySize} octets, not ${keyvalue.length}`, {
      code: "BAD_KEY_SIZE",
      facts: { etype: keytype, size: keyvalue.length },
    });
  }
  const schedule = row.schedule(keyvalue);
  schedules.set(key, { keytype, keyvalue, schedule });
  return schedule;
}
