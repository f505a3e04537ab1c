import { randomFillSync } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { sleep, systemCode } from "@waybill/base";
import { KerberosError } from "../errors.ts";
import { type CacheContents, type CachedCredential, latestCredentials } from "./cache-contents.ts";
import { type CacheFile, encodeCacheEntry, encodeCredentialCache, parseCacheFile } from "./ccache-format.ts";
import type { CacheOptions, CredentialCache } from "./credential-cache.ts";
import { appendToFile, fileError, isAt, readOpenFile, readWholeFile, replaceFile } from "./file-access.ts";
import { withFileLock } from "./file-lock.ts";
import { cacheNotFound } from "./memory-cache.ts";

/** Milliseconds until a file that is not whole is looked at again. */
const pause = 20;
/** Looks before a reader takes it as it is: a writer is done at once, unless it was cut off. */
const readerPatience = 5;
/** Looks before something is lost by it: one second. */
const writerPatience = 50;

/**
 * A FILE cache, as MIT's and Heimdal's programs use it at the same time.
 *
 * Those put a new file in the place of the old one at a login, and append each ticket to the file in one write, under a
 * lock by fcntl that Node cannot take. Here it is done in the same way: `write` renames a new file over the old one,
 * and `add` appends in one write to the file that it has opened and read, then looks whether that is still the cache.
 * If a login has put another there meanwhile, the ticket goes into that too. So no login and no ticket of either side is
 * lost, without their lock. A lock of our own (`withFileLock`) keeps our own programs apart.
 *
 * An entry that is cut off at the end, as a crash or a full disk may leave it, is passed over by readers, as by MIT's,
 * and removed by the next `add`. Of several tickets for the same use the last one counts.
 */
export class FileCache implements CredentialCache {
  readonly name: string;
  readonly path: string;

  constructor(path: string, name = `FILE:${path}`) {
    this.path = path;
    this.name = name;
  }

  async read(options: CacheOptions = {}): Promise<CacheContents> {
    for (let look = 1; ; look++) {
      const file = await this.#look(() => readWholeFile(this.path), look, readerPatience);
      if (file !== undefined) {
        return { ...file.contents, credentials: latestCredentials(file.contents.credentials) };
      }
      await sleep(pause, options.signal);
    }
  }

  async write(contents: CacheContents, options?: CacheOptions): Promise<void> {
    const content = encodeCredentialCache(contents);
    await withFileLock(this.path, () => replaceFile(this.path, content), options);
  }

  async add(credential: CachedCredential, options: CacheOptions = {}): Promise<void> {
    const work = async (): Promise<void> => {
      for (let look = 1; !(await this.#tryToAdd(credential, look)); look++) {
        if (look >= writerPatience) throw this.#busy();
        await sleep(pause, options.signal);
      }
    };
    await withFileLock(this.path, work, options);
  }

  /** @returns false when it has to be tried again */
  async #tryToAdd(credential: CachedCredential, look: number): Promise<boolean> {
    const handle = await this.#open(look);
    if (handle === undefined) return false;
    try {
      const file = await this.#look(() => readOpenFile(this.path, handle), look, writerPatience);
      if (file === undefined) return false;
      const entry = encodeCacheEntry(credential, file.version);
      const place = { size: file.size, tornFrom: file.end };
      if (!appendToFile(this.path, handle, entry, place)) return false;
      if (!(await isAt(this.path, handle))) return false;
      await handle.sync().catch(() => undefined);
      return true;
    } finally {
      await handle.close();
    }
  }

  /** Not to be found is also what a login is just about to make anew. */
  async #open(look: number): Promise<FileHandle | undefined> {
    try {
      return await open(this.path, constants.O_RDWR | constants.O_APPEND);
    } catch (cause) {
      if (systemCode(cause) !== "ENOENT") throw this.#named(fileError(cause, this.path, "write"));
      if (look < writerPatience) return undefined;
      throw cacheNotFound(this.name, fileError(cause, this.path, "read"));
    }
  }

  /** @returns undefined when it may be whole in a moment */
  async #look(
    content: () => Promise<Uint8Array>,
    look: number,
    patience: number,
  ): Promise<CacheFile | undefined> {
    try {
      const file = parseCacheFile(await content());
      return file.torn === undefined || look >= patience ? file : undefined;
    } catch (error) {
      if (!(error instanceof KerberosError)) throw error;
      if (error.code === "FILE_NOT_FOUND") throw cacheNotFound(this.name, error);
      // Without a head it is a login that has only made the file.
      const enough = error.facts.cutOff ? writerPatience : patience;
      if (error.code === "MALFORMED_CCACHE" && look < enough) return undefined;
      throw this.#named(error);
    }
  }

  /** Overwrites the file before removing it, as kdestroy does. */
  async destroy(options?: CacheOptions): Promise<void> {
    await withFileLock(this.path, () => wipeFile(this.path), options);
  }

  #busy(): KerberosError {
    return new KerberosError(`${this.name} is changed by other programs all the time`, {
      code: "FILE_LOCKED",
      family: "environment",
      facts: { path: this.path },
      remedy: "Try again.",
    });
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
