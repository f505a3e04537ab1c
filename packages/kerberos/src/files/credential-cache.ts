import type { CacheContents, CachedCredential } from "./cache-contents.ts";
import type { LockOptions } from "./file-lock.ts";

/** A place where credentials are kept between programs (or, for MEMORY, between parts of one). */
export interface CredentialCache {
  /** With its type: `FILE:/tmp/krb5cc_0`. */
  readonly name: string;
  /**
   * All it holds.
   *
   * @throws KerberosError CCACHE_NOT_FOUND when there is none, MALFORMED_CCACHE, FILE_UNREADABLE, KCM_FAILED
   */
  read(options?: CacheOptions): Promise<CacheContents>;
  /** Makes the cache, or replaces all that it held, in one step. @throws KerberosError CCACHE_READ_ONLY, FILE_… */
  write(contents: CacheContents, options?: CacheOptions): Promise<void>;
  /** Adds a credential to an existing cache; see `withCredential`. */
  add(credential: CachedCredential, options?: CacheOptions): Promise<void>;
  /** Removes the cache. None is no error. */
  destroy(options?: CacheOptions): Promise<void>;
}

/** How long a cache's operation may wait for others. */
export type CacheOptions = LockOptions;
