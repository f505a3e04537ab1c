/**
 * The credential cache file format of MIT krb5, versions 3 and 4. All integers are big-endian.
 *
 * ```
 * file        = 0x05 version [header] principal *credential      ; header in version 4 only; up to the end of the file
 * header      = uint16 size, *( uint16 tag, uint16 length, octets )
 *               ; tag 1: int32 seconds, int32 microseconds to add to our clock to get the KDC's
 * principal   = uint32 name-type, uint32 components, data realm, *data component
 * credential  = principal client, principal server
 *               keyblock, uint32 authtime, uint32 starttime, uint32 endtime, uint32 renew-till
 *               uint8 is-skey, uint32 ticket-flags
 *               uint32 count *( uint16 type, data ) addresses
 *               uint32 count *( uint16 type, data ) authorization-data
 *               data ticket, data second-ticket
 * keyblock    = uint16 enctype, [uint16 enctype], data           ; twice in version 3
 * data        = uint32 length, octets
 * ```
 *
 * Configuration entries are credentials whose server is in realm `X-CACHECONF:` with the components
 * `krb5_ccache_conf_data`, the entry's name, and perhaps the principal it is about; the value stands where the
 * ticket would. A removed credential is left with an authtime of -1 and an endtime of 0, or realm `X-RMED-CONF:`.
 */
import { utf8 } from "@waybill/base";
import { KerberosError } from "../errors.ts";
import { formatPrincipal, type Principal } from "../principal.ts";
import { NameType } from "../registry/name-type.ts";
import { ByteReader, maxFileSize } from "./byte-reader.ts";
import { ByteWriter, toSeconds } from "./byte-writer.ts";
import type { CacheConfigEntry, CacheContents, CachedCredential, CacheTypedData } from "./cache-contents.ts";

const configRealm = "X-CACHECONF:";
const removedConfigRealm = "X-RMED-CONF:";
const configName = "krb5_ccache_conf_data";
const kdcOffsetTag = 1;

/** What stands in a FILE cache, and where. */
export interface CacheFile {
  readonly version: 3 | 4;
  readonly contents: CacheContents;
  /** Octets in the file. */
  readonly size: number;
  /** Where the last whole entry ends. */
  readonly end: number;
  /** MALFORMED_CCACHE when the file stops in the middle of the entry after that. */
  readonly torn?: KerberosError | undefined;
}

/**
 * Reads a FILE cache's content.
 *
 * @throws KerberosError MALFORMED_CCACHE with `facts.offset` and `facts.reason`
 */
export function parseCredentialCache(content: Uint8Array): CacheContents {
  const { contents, torn } = parseCacheFile(content);
  if (torn !== undefined) throw torn;
  return contents;
}

/**
 * Reads a FILE cache whose last entry may be cut off, as a writer leaves it whom a full disk or a crash stops.
 *
 * @throws KerberosError MALFORMED_CCACHE; with `facts.cutOff` when not even the principal is whole
 */
export function parseCacheFile(content: Uint8Array): CacheFile {
  const reader = new ByteReader(content, { code: "MALFORMED_CCACHE", what: "the credential cache" });
  if (content.length > maxFileSize) reader.fail(`it is larger than ${maxFileSize} octets`);
  if (reader.uint8() !== 5) reader.fail("the first octet is not 5", 0);
  const version = reader.uint8();
  if (version !== 3 && version !== 4) return reader.fail(`version ${version} is not known here`, 1);
  const kdcOffset = version === 4 ? parseHeader(reader) : undefined;
  const principal = parseCachePrincipal(reader);
  const all: CachedCredential[] = [];
  let end = reader.offset;
  let torn: KerberosError | undefined;
  while (torn === undefined && reader.remaining > 0) {
    try {
      all.push(parseCacheCredential(reader, version));
      end = reader.offset;
    } catch (error) {
      if (!(error instanceof KerberosError) || !error.facts.cutOff) throw error;
      torn = error;
    }
  }
  const offset = kdcOffset === undefined ? {} : { kdcOffset };
  const contents = { principal, ...splitEntries(all), ...offset };
  return { version, contents, size: content.length, end, torn };
}

/** Tells credentials and configuration entries apart, and leaves out removed ones. */
export function splitEntries(
  all: readonly CachedCredential[],
): Pick<CacheContents, "credentials" | "config"> {
  const credentials: CachedCredential[] = [];
  const config: CacheConfigEntry[] = [];
  for (const credential of all) {
    const entry = asConfig(credential);
    if (entry !== undefined) config.push(entry);
    else if (!isRemoved(credential)) credentials.push(credential);
  }
  return { credentials, config };
}

/** Writes version 4, or version 3, which has no place for the KDC's time offset. */
export function encodeCredentialCache(contents: CacheContents, version: 3 | 4 = 4): Uint8Array {
  const out = new ByteWriter().uint8(5).uint8(version);
  if (version === 4) encodeHeader(out, contents.kdcOffset);
  encodeCachePrincipal(out, contents.principal);
  for (const entry of contents.config)
    encodeCacheCredential(out, configCredential(contents.principal, entry), version);
  for (const credential of contents.credentials) encodeCacheCredential(out, credential, version);
  return out.finish();
}

function parseHeader(file: ByteReader): number | undefined {
  const header = file.slice(file.uint16());
  let offset: number | undefined;
  while (header.remaining > 0) {
    const tag = header.uint16();
    const field = header.slice(header.uint16());
    if (tag !== kdcOffsetTag) continue;
    if (field.remaining !== 8) field.fail(`the KDC offset has ${field.remaining} octets instead of 8`);
    offset = field.int32() * 1000 + Math.trunc(field.int32() / 1000);
  }
  return offset;
}

function encodeHeader(out: ByteWriter, offset: number | undefined): void {
  if (offset === undefined) {
    out.uint16(0);
    return;
  }
  const seconds = Math.floor(offset / 1000);
  out.uint16(12).uint16(kdcOffsetTag).uint16(8);
  out.uint32(seconds).uint32(Math.round((offset - seconds * 1000) * 1000));
}

/** Also what KCM sends. */
export function parseCachePrincipal(reader: ByteReader): Principal {
  const nameType = reader.int32();
  const count = reader.uint32();
  const realm = reader.text(reader.uint32());
  reader.count(count, 4, "name components");
  const components = Array.from({ length: count }, () => reader.text(reader.uint32()));
  return { realm, nameType, components };
}

/** The counterpart of `parseCachePrincipal`. */
export function encodeCachePrincipal(out: ByteWriter, { nameType, components, realm }: Principal): void {
  out.uint32(nameType).uint32(components.length).data32(realm);
  for (const component of components) out.data32(component);
}

/** Also what KCM sends, in version 4. */
export function parseCacheCredential(reader: ByteReader, version: 3 | 4): CachedCredential {
  const client = parseCachePrincipal(reader);
  const server = parseCachePrincipal(reader);
  const keytype = reader.int16();
  if (version === 3) reader.int16();
  const key = { keytype, keyvalue: reader.bytes(reader.uint32()) };
  const [authTime, startTime, endTime, renewTill] = [time(reader), time(reader), time(reader), time(reader)];
  const isSessionKey = reader.uint8() !== 0;
  const flags = reader.uint32();
  const addresses = parseTypedList(reader, "addresses");
  const authorizationData = parseTypedList(reader, "authorization data");
  const ticket = reader.bytes(reader.uint32());
  const secondTicket = reader.bytes(reader.uint32());
  return {
    client,
    server,
    key,
    authTime,
    ...(startTime === 0 ? {} : { startTime }),
    endTime,
    ...(renewTill === 0 ? {} : { renewTill }),
    isSessionKey,
    flags,
    addresses,
    authorizationData,
    ticket,
    secondTicket,
  };
}

/** One entry of a FILE cache. */
export function encodeCacheEntry(credential: CachedCredential, version: 3 | 4): Uint8Array {
  const out = new ByteWriter();
  encodeCacheCredential(out, credential, version);
  return out.finish();
}

function encodeCacheCredential(out: ByteWriter, credential: CachedCredential, version: 3 | 4): void {
  const { key } = credential;
  encodeCachePrincipal(out, credential.client);
  encodeCachePrincipal(out, credential.server);
  out.uint16(key.keytype);
  if (version === 3) out.uint16(key.keytype);
  out.data32(key.keyvalue);
  for (const moment of [
    credential.authTime,
    credential.startTime,
    credential.endTime,
    credential.renewTill,
  ]) {
    out.uint32(toSeconds(moment ?? 0));
  }
  out.uint8(credential.isSessionKey ? 1 : 0).uint32(credential.flags);
  for (const list of [credential.addresses, credential.authorizationData]) {
    out.uint32(list.length);
    for (const { type, data } of list) out.uint16(type).data32(data);
  }
  out.data32(credential.ticket).data32(credential.secondTicket);
}

function time(reader: ByteReader): number {
  return reader.uint32() * 1000;
}

function parseTypedList(reader: ByteReader, what: string): CacheTypedData[] {
  const count = reader.count(reader.uint32(), 6, what);
  return Array.from({ length: count }, () => ({ type: reader.int16(), data: reader.bytes(reader.uint32()) }));
}

function asConfig({ server, ticket }: CachedCredential): CacheConfigEntry | undefined {
  const [first, name, about] = server.components;
  if (server.realm !== configRealm || first !== configName || name === undefined) return undefined;
  return { name, ...(about === undefined ? {} : { about }), value: ticket };
}

function isRemoved({ server, authTime, endTime }: CachedCredential): boolean {
  return server.realm === removedConfigRealm || (authTime === 0xffff_ffff * 1000 && endTime === 0);
}

function configCredential(client: Principal, { name, about, value }: CacheConfigEntry): CachedCredential {
  const components = about === undefined ? [configName, name] : [configName, name, about];
  return {
    client,
    server: { realm: configRealm, nameType: NameType.unknown, components },
    key: { keytype: 0, keyvalue: new Uint8Array(0) },
    authTime: 0,
    endTime: 0,
    isSessionKey: false,
    flags: 0,
    addresses: [],
    authorizationData: [],
    ticket: value,
    secondTicket: new Uint8Array(0),
  };
}

/** A configuration entry with text in it, as MIT writes them: `configEntry("fast_avail", "yes", tgs)`. */
export function configEntry(name: string, value: string, about?: Principal): CacheConfigEntry {
  return { name, value: utf8(value), ...(about === undefined ? {} : { about: formatPrincipal(about) }) };
}

/** What cannot be opened because its name says nothing we know. */
export function unknownCache(name: string): KerberosError {
  return new KerberosError(`"${name}" names no kind of credential cache known here`, {
    code: "UNKNOWN_CCACHE_TYPE",
    family: "caller",
    facts: { name },
    remedy: "Use FILE:path, DIR:path, KCM: or MEMORY:name.",
  });
}
