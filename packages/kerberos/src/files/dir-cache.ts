/**
 * DIR: a directory of FILE caches, one for each identity, as MIT krb5 keeps them.
 *
 * ```
 * directory = *( tkt<anything> )   ; FILE caches
 *             [primary]            ; one line: the name of the cache that is used when none is named
 * ```
 *
 * `DIR:/path` is the primary cache of the directory, `DIR::/path/tktXXXXXX` one of its caches. Without a `primary` file
 * the primary cache is `tkt`.
 */
import { mkdir, readdir, readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { systemCode, utf8 } from "@waybill/base";
import { KerberosError } from "../errors.ts";
import type { CacheContents, CachedCredential } from "./cache-contents.ts";
import type { CacheOptions, CredentialCache } from "./credential-cache.ts";
import { fileError, replaceFile } from "./file-access.ts";
import { FileCache } from "./file-cache.ts";

/** The primary cache of a directory, looked up anew each time it is used. */
export class DirCache implements CredentialCache {
  readonly name: string;
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
    this.name = `DIR:${directory}`;
  }

  async read(options?: CacheOptions): Promise<CacheContents> {
    return await (await this.primary()).read(options);
  }

  async write(contents: CacheContents, options?: CacheOptions): Promise<void> {
    await makeDirectory(this.directory);
    await (await this.primary()).write(contents, options);
  }

  async add(credential: CachedCredential, options?: CacheOptions): Promise<void> {
    await (await this.primary()).add(credential, options);
  }

  async destroy(options?: CacheOptions): Promise<void> {
    await (await this.primary()).destroy(options);
  }

  /** The cache that `primary` names now. @throws KerberosError BAD_PRIMARY_CCACHE */
  async primary(): Promise<FileCache> {
    return memberCache(this.directory, await primaryName(this.directory));
  }

  /** All caches of the directory. */
  async caches(): Promise<readonly FileCache[]> {
    try {
      const names = (await readdir(this.directory)).filter(isCacheName).sort();
      return names.map((name) => memberCache(this.directory, name));
    } catch (error) {
      if (systemCode(error) === "ENOENT") return [];
      throw fileError(error, this.directory, "read");
    }
  }

  /** Makes one of the directory's caches the primary one. */
  async setPrimary(cache: FileCache): Promise<void> {
    const name = basename(cache.path);
    if (dirname(cache.path) !== this.directory || !isCacheName(name)) throw badPrimary(this.directory, name);
    await replaceFile(join(this.directory, "primary"), utf8(`${name}\n`));
  }
}

/** A cache of a directory by its path, `DIR::/path/tkt`. */
export function dirMember(path: string): FileCache {
  const name = basename(path);
  if (!isCacheName(name)) throw badPrimary(dirname(path), name);
  return memberCache(dirname(path), name);
}

function memberCache(directory: string, name: string): FileCache {
  const path = join(directory, name);
  return new FileCache(path, `DIR::${path}`);
}

async function primaryName(directory: string): Promise<string> {
  try {
    const name = (await readFile(join(directory, "primary"), "utf8")).split("\n", 1)[0] ?? "";
    if (!isCacheName(name)) throw badPrimary(directory, name);
    return name;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return "tkt";
    throw fileError(error, join(directory, "primary"), "read");
  }
}

function isCacheName(name: string): boolean {
  return /^tkt[^/\0]*$/.test(name);
}

async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw fileError(error, path, "write");
  }
}

function badPrimary(directory: string, name: string): KerberosError {
  return new KerberosError(`"${name}" is not a cache of ${directory}: their names begin with tkt`, {
    code: "BAD_PRIMARY_CCACHE",
    family: "environment",
    facts: { directory, name },
    remedy: `Choose one with kswitch, or remove ${join(directory, "primary")}.`,
  });
}
