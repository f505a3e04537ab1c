import { unknownCache } from "./ccache-format.ts";
import type { CredentialCache } from "./credential-cache.ts";
import { DirCache, dirMember } from "./dir-cache.ts";
import { FileCache } from "./file-cache.ts";
import { KcmCache } from "./kcm-cache.ts";
import { MemoryCache } from "./memory-cache.ts";

/** Where to find caches that are no files. */
export interface OpenCacheOptions {
  /** Where the KCM daemon listens; `kcm_socket` of [libdefaults]. */
  readonly kcmSocket?: string | undefined;
}

/**
 * The cache of a name as KRB5CCNAME has it: `FILE:path`, `DIR:directory`, `DIR::directory/tktX`, `KCM:`, `KCM:name`,
 * `MEMORY:name` (a new, empty one each time) or a bare path. Does not touch it yet.
 *
 * @throws KerberosError UNKNOWN_CCACHE_TYPE, BAD_PRIMARY_CCACHE
 */
export function openCredentialCache(name: string, options: OpenCacheOptions = {}): CredentialCache {
  const [, type, rest = ""] = /^([A-Za-z]{2,}):(.*)$/s.exec(name) ?? [];
  if (type === undefined) {
    if (name === "") throw unknownCache(name);
    return new FileCache(name);
  }
  switch (type.toUpperCase()) {
    case "FILE":
      return new FileCache(rest);
    case "DIR":
      return rest.startsWith(":") ? dirMember(rest.slice(1)) : new DirCache(rest);
    case "KCM":
      return new KcmCache(rest === "" ? undefined : rest, options.kcmSocket);
    case "MEMORY":
      return new MemoryCache(rest);
    default:
      throw unknownCache(name);
  }
}
