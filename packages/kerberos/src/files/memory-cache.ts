import { KerberosError } from "../errors.ts";
import { type CacheContents, type CachedCredential, withCredential } from "./cache-contents.ts";
import type { CredentialCache } from "./credential-cache.ts";

/** A cache of this process only. Each object is a cache of its own: there is no registry of names. */
export class MemoryCache implements CredentialCache {
  readonly name: string;
  #contents: CacheContents | undefined;

  constructor(name = "unnamed", contents?: CacheContents) {
    this.name = `MEMORY:${name}`;
    this.#contents = contents;
  }

  async read(): Promise<CacheContents> {
    if (this.#contents === undefined) throw cacheNotFound(this.name);
    return this.#contents;
  }

  async write(contents: CacheContents): Promise<void> {
    this.#contents = contents;
  }

  async add(credential: CachedCredential): Promise<void> {
    this.#contents = withCredential(await this.read(), credential);
  }

  async destroy(): Promise<void> {
    this.#contents = undefined;
  }
}

/** CCACHE_NOT_FOUND: there is no such cache, so nobody has logged in. */
export function cacheNotFound(name: string, cause?: unknown): KerberosError {
  return new KerberosError(`there is no credential cache ${name}`, {
    code: "CCACHE_NOT_FOUND",
    family: "environment",
    facts: { name },
    remedy: "Log in: waybill ticket login, or kinit.",
    cause,
  });
}
