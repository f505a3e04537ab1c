import { randomFillSync } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { sleep, systemCode } from "@waybill/base";
import { KerberosError } from "../errors.ts";
import { type CacheContents, type CachedCredential, withCredential } from "./cache-contents.ts";
import { encodeCredentialCache, parseCredentialCache } from "./ccache-format.ts";
import type { CacheOptions, CredentialCache } from "./credential-cache.ts";
import { fileError, readOpenFile, readWholeFile, replaceFile, withFileLock } from "./file-access.ts";
import { cacheNotFound } from "./memory-cache.ts";

/** MIT's programs append to the file they hold locked: a reader may come in the middle of that. */
const readAttempts = 5;
const pauseBetweenReads = 20;
/** How often a file that others change all the time is tried to be changed. */
const changeAttempts = 20;

/**
 * A FILE cache, as MIT's and Heimdal's programs use it at the same time.
 *
 * Those append a ticket to the file, or rename a new file over it at a login, under a lock by fcntl that Node cannot
 * take. Here every change is a new file renamed over the old one, under a lock of our own (`withFileLock`). So a reader
 * on either side finds one whole state or another. What the others do while a ticket is added here is taken over:
 * tickets that they append to the old file up to our rename, and a moment after it, are added to the new one; a file
 * that a login put there meanwhile is left in place, and the ticket is added to that. What remains is one of their
 * programs that opened the old file before the rename and writes into it only later: its ticket is lost with the old
 * file and has to be fetched again.
 */
export class FileCache implements CredentialCache {
  readonly name: string;
  readonly path: string;

  constructor(path: string, name = `FILE:${path}`) {
    this.path = path;
    this.name = name;
  }

  async read(options: CacheOptions = {}): Promise<CacheContents> {
    return await this.#parse(() => readWholeFile(this.path), options);
  }

  async write(contents: CacheContents, options?: CacheOptions): Promise<void> {
    const content = encodeCredentialCache(contents);
    await withFileLock(this.path, () => replaceFile(this.path, content), options);
  }

  async add(credential: CachedCredential, options?: CacheOptions): Promise<void> {
    await withFileLock(this.path, () => this.#add(credential, options), options);
  }

  async #add(credential: CachedCredential, options: CacheOptions | undefined): Promise<void> {
    let late: Pick<CacheContents, "credentials" | "config"> = { credentials: [credential], config: [] };
    for (let attempt = 0; attempt < changeAttempts; attempt++) {
      const old = await this.#open();
      try {
        let seen = await this.#parse(() => readOpenFile(this.path, old), options);
        /** What has come to the old file since. */
        const changes = async (): Promise<CacheContents | undefined> => {
          const now = await this.#parse(() => readOpenFile(this.path, old), options);
          const grown =
            now.credentials.length > seen.credentials.length || now.config.length > seen.config.length;
          return grown ? now : undefined;
        };
        const newer = async (): Promise<Uint8Array | undefined> => {
          const now = await changes();
          if (now !== undefined) seen = now;
          return now && encodeWith(now, late);
        };
        if (!(await replaceFile(this.path, encodeWith(seen, late), { expected: old, newer }))) continue;
        const after = await changes();
        if (after === undefined) return;
        late = {
          credentials: after.credentials.slice(seen.credentials.length),
          config: after.config.slice(seen.config.length),
        };
      } finally {
        await old.close();
      }
    }
    throw new KerberosError(`${this.name} is changed by other programs all the time`, {
      code: "FILE_LOCKED",
      family: "environment",
      facts: { path: this.path },
      remedy: "Try again.",
    });
  }

  async #open(): Promise<FileHandle> {
    try {
      return await open(this.path, "r");
    } catch (cause) {
      const error = fileError(cause, this.path, "read");
      throw error.code === "FILE_NOT_FOUND" ? cacheNotFound(this.name, error) : this.#named(error);
    }
  }

  async #parse(content: () => Promise<Uint8Array>, options: CacheOptions = {}): Promise<CacheContents> {
    for (let attempt = 1; ; attempt++) {
      try {
        return parseCredentialCache(await content());
      } catch (error) {
        if (!(error instanceof KerberosError)) throw error;
        if (error.code === "FILE_NOT_FOUND") throw cacheNotFound(this.name, error);
        if (error.code !== "MALFORMED_CCACHE" || attempt === readAttempts) throw this.#named(error);
      }
      await sleep(pauseBetweenReads, options.signal);
    }
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

function encodeWith(
  contents: CacheContents,
  { credentials, config }: Pick<CacheContents, "credentials" | "config">,
): Uint8Array {
  const all = credentials.reduce(withCredential, contents);
  return encodeCredentialCache({ ...all, config: [...all.config, ...config] });
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
