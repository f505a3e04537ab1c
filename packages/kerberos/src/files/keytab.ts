/**
 * The keytab file format of MIT krb5, versions 0x501 (read) and 0x502.
 *
 * ```
 * file      = 0x05 version *record          ; version 2: all integers big-endian; 1: in the writer's byte order
 * record    = int32 size, entry or hole     ; size < 0: a hole of -size octets; 0: end of file
 * entry     = uint16 components             ; version 1 counts the realm too
 *             data realm, *data component
 *             [uint32 name-type]            ; version 2 only
 *             uint32 timestamp              ; seconds since 1970
 *             uint8 kvno
 *             uint16 enctype, data key
 *             [uint32 kvno]                 ; counts instead of the 8-bit one if it is there and not zero
 * data      = uint16 length, octets
 * ```
 *
 * An entry may be shorter than its record, where it was put into a hole. Deleting an entry makes its record a hole.
 */
import { endianness } from "node:os";
import type { EpochMs } from "@waybill/base";
import { KerberosError } from "../errors.ts";
import type { EncryptionKey } from "../messages/basic.ts";
import type { Principal } from "../principal.ts";
import { NameType } from "../registry/name-type.ts";
import { ByteReader, maxFileSize } from "./byte-reader.ts";
import { ByteWriter, toSeconds } from "./byte-writer.ts";
import { readWholeFile, replaceFile } from "./file-access.ts";
import { type LockOptions, withFileLock } from "./file-lock.ts";

/** One key of one principal. Entries are immutable; a keytab read again gives new key objects. */
export interface KeytabEntry {
  readonly principal: Principal;
  /** Key version number. */
  readonly kvno: number;
  readonly key: EncryptionKey;
  /** When the entry was written. */
  readonly timestamp: EpochMs;
}

/** The keys of services or people, as a keytab file holds them. A secret. */
export interface Keytab {
  readonly entries: readonly KeytabEntry[];
}

/**
 * Reads a keytab's content. Entries with encryption types this package does not speak are kept.
 *
 * @throws KerberosError MALFORMED_KEYTAB with `facts.offset` and `facts.reason`
 */
export function parseKeytab(content: Uint8Array): Keytab {
  const magic = reader(content, false);
  if (magic.remaining > maxFileSize) magic.fail(`it is larger than ${maxFileSize} octets`);
  if (magic.uint8() !== 5) magic.fail("the first octet is not 5", 0);
  const version = magic.uint8();
  if (version === 2) return { entries: parseRecords(content, version, false) };
  if (version !== 1) return magic.fail(`version ${version} is unknown`, 1);
  const native = endianness() === "LE";
  try {
    return { entries: parseRecords(content, version, native) };
  } catch (error) {
    // It may come from a machine of the other byte order.
    try {
      return { entries: parseRecords(content, version, !native) };
    } catch {
      throw error;
    }
  }
}

/** Writes version 0x502. */
export function encodeKeytab(keytab: Keytab): Uint8Array {
  const out = new ByteWriter().uint8(5).uint8(2);
  for (const entry of keytab.entries) {
    const bytes = encodeEntry(entry);
    out.uint32(bytes.length).bytes(bytes);
  }
  return out.finish();
}

/** @throws KerberosError MALFORMED_KEYTAB, FILE_NOT_FOUND, FILE_UNREADABLE, FILE_TOO_LARGE */
export async function readKeytab(path: string): Promise<Keytab> {
  const content = await readWholeFile(path);
  try {
    return parseKeytab(content);
  } catch (error) {
    if (!(error instanceof KerberosError)) throw error;
    throw new KerberosError(`${path}: ${error.message}`, {
      code: error.code,
      family: error.family,
      facts: { ...error.facts, path },
      remedy: error.remedy,
      cause: error,
    });
  }
}

/** Replaces the file in one step: mode 0600, the owner stays. */
export async function writeKeytab(path: string, keytab: Keytab): Promise<void> {
  await replaceFile(path, encodeKeytab(keytab), { keepOwner: true });
}

/** Reads, changes and replaces a keytab under its lock. A file that does not exist is an empty keytab. */
export async function updateKeytab(
  path: string,
  change: (keytab: Keytab) => Keytab,
  options?: LockOptions,
): Promise<Keytab> {
  return await withFileLock(
    path,
    async () => {
      const changed = change(await readKeytab(path).catch(emptyIfMissing));
      await writeKeytab(path, changed);
      return changed;
    },
    options,
  );
}

function emptyIfMissing(error: unknown): Keytab {
  if (error instanceof KerberosError && error.code === "FILE_NOT_FOUND") return { entries: [] };
  throw error;
}

function reader(content: Uint8Array, littleEndian: boolean): ByteReader {
  return new ByteReader(content, { code: "MALFORMED_KEYTAB", what: "the keytab", littleEndian });
}

function parseRecords(content: Uint8Array, version: number, littleEndian: boolean): KeytabEntry[] {
  const file = reader(content, littleEndian);
  file.uint16();
  const entries: KeytabEntry[] = [];
  // Fewer than four octets at the end are what MIT takes for the end, too.
  while (file.remaining >= 4) {
    const size = file.int32();
    if (size === 0) break;
    const record = file.slice(Math.abs(size));
    if (size > 0) entries.push(parseEntry(record, version));
  }
  return entries;
}

function parseEntry(record: ByteReader, version: number): KeytabEntry {
  const counted = record.uint16() - (version === 1 ? 1 : 0);
  const count = record.count(counted, 2, "name components");
  const realm = record.text(record.uint16());
  const components = Array.from({ length: count }, () => record.text(record.uint16()));
  const nameType = version === 1 ? NameType.principal : record.int32();
  const timestamp = record.uint32() * 1000;
  const shortKvno = record.uint8();
  const keytype = record.int16();
  const keyvalue = record.bytes(record.uint16());
  const longKvno = record.remaining >= 4 ? record.uint32() : 0;
  return {
    principal: { realm, nameType, components },
    kvno: longKvno === 0 ? shortKvno : longKvno,
    key: { keytype, keyvalue },
    timestamp,
  };
}

function encodeEntry({ principal, kvno, key, timestamp }: KeytabEntry): Uint8Array {
  const { components, realm, nameType } = principal;
  const out = new ByteWriter().uint16(components.length);
  for (const part of [realm, ...components]) {
    if (Buffer.byteLength(part) > 0xffff) throw unwritable("a part of its name is longer than 65535 octets");
    out.data16(part);
  }
  if (components.length > 0xffff || key.keyvalue.length > 0xffff) throw unwritable("it has too many parts");
  out
    .uint32(nameType)
    .uint32(toSeconds(timestamp))
    .uint8(kvno & 0xff);
  return out.uint16(key.keytype).data16(key.keyvalue).uint32(kvno).finish();
}

function unwritable(why: string): KerberosError {
  return new KerberosError(`the keytab entry cannot be written: ${why}`, {
    code: "KEYTAB_ENTRY_TOO_LARGE",
    family: "caller",
  });
}
