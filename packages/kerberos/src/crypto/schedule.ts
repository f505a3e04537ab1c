import { KerberosError } from "../errors.ts";
import { enctypeInfo } from "./enctypes.ts";
import type { EncryptionKey, KeySchedule } from "./types.ts";

/** A constructor that hands out the object it is given, so that a class may put a private field on it. */
class Given {
  constructor(object: object) {
    // biome-ignore lint/correctness/noConstructorReturn: what this class is for
    return object;
  }
}

/**
 * The schedule as a private field of the key object itself, which frozen objects can have too and nobody else sees. In a WeakMap the
 * schedules of dead keys would outlive every collection of the young, since it holds values whatever their keys: a quarter of a KDC's time.
 */
class Scheduled extends Given {
  #keytype: number | undefined;
  #keyvalue: Uint8Array | undefined;
  #schedule: KeySchedule | undefined;

  static find(key: EncryptionKey): KeySchedule | undefined {
    if (!(#schedule in key)) return undefined;
    return key.#keyvalue === key.keyvalue && key.#keytype === key.keytype ? key.#schedule : undefined;
  }

  static keep(key: EncryptionKey, schedule: KeySchedule): void {
    const scheduled = #schedule in key ? key : new Scheduled(key);
    scheduled.#keytype = key.keytype;
    scheduled.#keyvalue = key.keyvalue;
    scheduled.#schedule = schedule;
  }
}

/**
 * What `key` can do, with everything derived from it so far. Kept for as long as the key object lives; hold on to
 * one object per key and use it again, since a fresh copy derives everything anew.
 *
 * @throws KerberosError KDC_ERR_ETYPE_NOSUPP, BAD_KEY_SIZE
 */
export function scheduleOf(key: EncryptionKey): KeySchedule {
  const known = Scheduled.find(key);
  if (known !== undefined) return known;
  const { keytype, keyvalue } = key;
  const row = enctypeInfo(keytype);
  if (keyvalue.length !== row.keySize) {
    throw new KerberosError(`a ${row.name} key has ${row.keySize} octets, not ${keyvalue.length}`, {
      code: "BAD_KEY_SIZE",
      facts: { etype: keytype, size: keyvalue.length },
    });
  }
  const schedule = row.schedule(keyvalue);
  Scheduled.keep(key, schedule);
  return schedule;
}
