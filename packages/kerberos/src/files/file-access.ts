import { randomBytes } from "node:crypto";
import { renameSync, type Stats, statSync } from "node:fs";
import { type FileHandle, link, open, readFile, rename, stat, unlink } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { sleep, systemCode } from "@waybill/base";
import { KerberosError } from "../errors.ts";
import { maxFileSize } from "./byte-reader.ts";

/**
 * Reads a whole file of bounded size.
 *
 * @throws KerberosError FILE_NOT_FOUND, FILE_UNREADABLE, FILE_TOO_LARGE
 */
export async function readWholeFile(path: string, limit = maxFileSize): Promise<Uint8Array> {
  try {
    const { size } = await stat(path);
    checkSize(path, size, limit);
    return new Uint8Array(await readFile(path));
  } catch (error) {
    throw fileError(error, path, "read");
  }
}

/** The same of a file that is open, from its beginning. */
export async function readOpenFile(path: string, file: FileHandle, limit = maxFileSize): Promise<Uint8Array> {
  try {
    const { size } = await file.stat();
    checkSize(path, size, limit);
    const content = new Uint8Array(size);
    for (let at = 0; at < size; ) {
      const { bytesRead } = await file.read(content, at, size - at, at);
      if (bytesRead === 0) return content.subarray(0, at);
      at += bytesRead;
    }
    return content;
  } catch (error) {
    throw fileError(error, path, "read");
  }
}

function checkSize(path: string, size: number, limit: number): void {
  if (size <= limit) return;
  throw new KerberosError(`${path} has ${size} octets, more than ${limit}`, {
    code: "FILE_TOO_LARGE",
    family: "environment",
    facts: { path, size, limit },
  });
}

/** What the new file is like, and which old one it takes the place of. */
export interface ReplaceOptions {
  /** Default: 0600. */
  readonly mode?: number | undefined;
  /**
   * Gives the new file to the old one's owner, if we may: a service must go on reading its keytab. Not for files in
   * directories that others write to, where the old file may be a trap.
   */
  readonly keepOwner?: boolean | undefined;
  /** The file that is replaced, open: when another has taken its place by then, nothing is done. */
  readonly expected?: FileHandle | undefined;
  /** Asked when all is written, for what to write instead if the content has become outdated meanwhile. */
  readonly newer?: (() => Promise<Uint8Array | undefined>) | undefined;
}

/**
 * Replaces a file's content in one step: a temporary file in the same directory, mode 0600 unless told, is written,
 * synchronized and renamed over it. After a crash the path holds the old content or the new, never part of either.
 *
 * @returns false when the file was no longer the `expected` one
 */
export async function replaceFile(
  path: string,
  content: Uint8Array,
  options: ReplaceOptions = {},
): Promise<boolean> {
  const temporary = beside(path, `${randomBytes(6).toString("hex")}.tmp`);
  try {
    const handle = await open(temporary, "wx", options.mode ?? 0o600);
    try {
      if (options.keepOwner) await keepOwner(path, handle);
      await writeAll(handle, content);
      await handle.sync();
      // Synchronizing takes long. What follows up to the renaming is quick.
      const newer = await options.newer?.();
      if (newer !== undefined) await writeAll(handle, newer);
      const known = await options.expected?.stat();
      // In one go: nobody shall come between looking and renaming.
      if (known !== undefined && !isAt(path, known)) {
        await unlink(temporary);
        return false;
      }
      renameSync(temporary, path);
      if (newer !== undefined) await handle.sync();
    } finally {
      await handle.close();
    }
    await synchronizeDirectory(dirname(path));
    return true;
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw fileError(error, path, "write");
  }
}

async function writeAll(handle: FileHandle, content: Uint8Array): Promise<void> {
  for (let at = 0; at < content.length; ) {
    const { bytesWritten } = await handle.write(content, at, content.length - at, at);
    at += bytesWritten;
  }
  await handle.truncate(content.length);
}

function isAt(path: string, known: Stats): boolean {
  const there = statSync(path, { throwIfNoEntry: false });
  return there?.ino === known.ino && there.dev === known.dev;
}

/** A hidden neighbour, which programs that list a directory's caches pass over. */
function beside(path: string, suffix: string): string {
  return join(dirname(path), `.${basename(path)}.${suffix}`);
}

async function keepOwner(path: string, handle: FileHandle): Promise<void> {
  const old = await stat(path).catch(() => undefined);
  if (old !== undefined) await handle.chown(old.uid, old.gid).catch(() => undefined);
}

/** Makes a rename survive a power cut. Some file systems cannot, and refuse; the rename stands all the same. */
async function synchronizeDirectory(path: string): Promise<void> {
  const handle: FileHandle = await open(path, "r");
  try {
    await handle.sync().catch(() => undefined);
  } finally {
    await handle.close();
  }
}

/** How long to wait for a lock. */
export interface LockOptions {
  /** How long to wait for another holder, in milliseconds. Default: 5000. */
  readonly timeout?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Does `work` while holding a lock: `.<name>.lock` beside the file, which names its holder's process.
 *
 * It keeps apart all programs that use this package, on one host, and survives a crash: a lock whose process is
 * gone is taken over. It does not keep MIT's or Heimdal's programs away, which lock the file itself by fcntl, out
 * of reach of Node; whoever changes a file they change too has to take care of what they do meanwhile (see FileCache).
 *
 * @throws KerberosError FILE_LOCKED when the time is up; AbortedError
 */
export async function withFileLock<T>(
  path: string,
  work: () => Promise<T>,
  options: LockOptions = {},
): Promise<T> {
  const lock = beside(path, "lock");
  const token = `${process.pid} ${hostname()} ${randomBytes(8).toString("hex")}`;
  const deadline = performance.now() + (options.timeout ?? 5000);
  while (!(await tryLock(lock, token))) {
    if (performance.now() >= deadline) {
      throw new KerberosError(`${path} is locked by another process`, {
        code: "FILE_LOCKED",
        family: "environment",
        facts: { path, lock },
        remedy: "Try again; if no such process runs, remove the lock file.",
      });
    }
    await sleep(5 + Math.random() * 20, options.signal);
  }
  try {
    return await work();
  } finally {
    if ((await readLock(lock)) === token) await unlink(lock).catch(() => undefined);
  }
}

/** Links a written file to the lock's name: the name appears together with its content, or not at all. */
async function tryLock(lock: string, token: string): Promise<boolean> {
  const temporary = `${lock}.${randomBytes(6).toString("hex")}`;
  try {
    const handle = await open(temporary, "wx", 0o600);
    try {
      await handle.writeFile(token);
    } finally {
      await handle.close();
    }
    await link(temporary, lock);
    return true;
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw fileError(error, lock, "write");
    await removeStaleLock(lock);
    return false;
  } finally {
    await unlink(temporary).catch(() => undefined);
  }
}

async function removeStaleLock(lock: string): Promise<void> {
  const holder = await readLock(lock);
  const [pid, host] = holder?.split(" ") ?? [];
  if (holder === undefined || host !== hostname() || pid === undefined || isAlive(Number(pid))) return;
  // Renaming lets only one of several waiters remove it; a lock that changed hands meanwhile is put back.
  const aside = `${lock}.${randomBytes(6).toString("hex")}`;
  try {
    await rename(lock, aside);
    if ((await readLock(aside)) !== holder) await link(aside, lock);
  } catch (error) {
    if (!["ENOENT", "EEXIST"].includes(systemCode(error) ?? "")) throw fileError(error, lock, "write");
  } finally {
    await unlink(aside).catch(() => undefined);
  }
}

async function readLock(lock: string): Promise<string | undefined> {
  return await readFile(lock, "utf8").catch(() => undefined);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) !== "ESRCH";
  }
}

/** Our error for what the operating system said about a file. */
export function fileError(error: unknown, path: string, action: "read" | "write"): KerberosError {
  if (error instanceof KerberosError) return error;
  const reason = systemCode(error) ?? "UNKNOWN";
  const missing = reason === "ENOENT" && action === "read";
  return new KerberosError(missing ? `${path} does not exist` : `cannot ${action} ${path}: ${reason}`, {
    code: missing ? "FILE_NOT_FOUND" : action === "read" ? "FILE_UNREADABLE" : "FILE_UNWRITABLE",
    family: "environment",
    facts: { path, reason },
    cause: error,
  });
}
