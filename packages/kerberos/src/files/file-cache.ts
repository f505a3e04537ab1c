import { randomFillSync } from "node:crypto";
import { constants } from "node:fs";
import { open, unlink } from "node:fs/promises";
import { sleep, systemCode } from "@waybill/base";
import { KerberosError } from "../errors.ts";
import { type CacheContents, type CachedCredential, withCredential } from "./cache-contents.ts";
import { encodeCredentialCache, parseCredentialCache } from "./ccache-format.ts";
import type { CacheOptions, CredentialCache } from "./credential-cache.ts";
import { fileError, readWholeFile, replaceFile, withFileLock } from "./file-access.ts";
import { cacheNotFound } from "./memory-cache.ts";

/** MIT's programs append to the file they hold locked: a reader may come in the middle of that. */
const readAttempts = 5;
const pauseBetweenReads = 20;

/** A FILE cache, as MIT's and Heimdal's programs use it. About locks see `withFileLock`. */
export class FileCache implements CredentialCache {
  readonly name: string;
  readonly path: string;

  constructor(path: string, name = `FILE:${path}`) {
    this.path = path;
    this.name = name;
  }

  async read(options: CacheOptions = {}): Promise<CacheContents> {
    for (let attempt = 1; ; attempt++) {
      try {
        return parseCredentialCache(await readWholeFile(this.path));
      } catch (error) {
        if (!(error instanceof KerberosError)) throw error;
        if (error.code === "FILE_NOT_FOUND") throw cacheNotFound(this.name, error);
        if (error.code !== "MALFORMED_CCACHE" || attempt === readAttempts) throw this.#named(error);
      }
      await sleep(pauseBetweenReads, options.signal);
    }
  }

  async write(contents: CacheContents, options?: CacheOptions): Promise<void> {
    const content = encodeCredentialCache(contents);
    await withFileLock(this.path, () => replaceFile(this.path, content), options);
  }

  async add(credential: CachedCredential, options?: CacheOptions): Promise<void> {
    const work = async (): Promise<void> => {
      const changed = withCredential(await this.read(options), credential);
      await replaceFile(this.path, encodeCredentialCache(changed));
    };
    await withFileLock(this.path, work, options);
  }

  /** Overwrites the file before removing it, as kdestroy does. */
  async destroy(options?: CacheOptions): Promise<void> {
    await withFileLock(this.path, () => wipeFile(this.path), options);
  }

  #named(error: KerberosError): KerberosError {
    return new KerberosError(`${this.name}: ${error.message}`, {
      code: error.code,
      family: error.family,
      facts: { ...error.facts, name: this.name },
      remedy: "Log in again; the cache is made anew.",
      cause: error,
    });
  }
}

async function wipeFile(path: string): Promise<void> {
  try {
    const handle = await open(path, constants.O_RDWR | constants.O_NOFOLLOW);
    try {
      const { size } = await handle.stat();
      const noise = randomFillSync(new Uint8Array(Math.min(size, 1 << 20)));
      for (let at = 0; at < size; at += noise.length) {
        await handle.write(noise, 0, Math.min(noise.length, size - at), at);
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    await unlink(path);
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw fileError(error, path, "write");
  }
}
