import { randomBytes } from "node:crypto";
import { fstatSync, ftruncateSync, writeSync } from "node:fs";
import { type FileHandle, open, readFile, rename, stat, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { systemCode } from "@waybill/base";
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

/** What the new file is like. */
export interface ReplaceOptions {
  /** Default: 0600. */
  readonly mode?: number | undefined;
  /**
   * Gives the new file to the old one's owner, if we may: a service must go on reading its keytab. Not for files in
   * directories that others write to, where the old file may be a trap.
   */
  readonly keepOwner?: boolean | undefined;
}

/**
 * Replaces a file's content in one step: a temporary file in the same directory, mode 0600 unless told, is written,
 * synchronized and renamed over it. After a crash the path holds the old content or the new, never part of either.
 */
export async function replaceFile(
  path: string,
  content: Uint8Array,
  options: ReplaceOptions = {},
): Promise<void> {
  const temporary = beside(path, `${randomBytes(6).toString("hex")}.tmp`);
  try {
    const handle = await open(temporary, "wx", options.mode ?? 0o600);
    try {
      if (options.keepOwner) await keepOwner(path, handle);
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
    await synchronizeDirectory(dirname(path));
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw fileError(error, path, "write");
  }
}

/**
 * Appends to a file that was opened with O_APPEND, in one write: the system keeps those of all programs apart. When the
 * disk has no room for all of it, none of it stays.
 *
 * @param tornFrom where a half entry begins, left by a writer that was cut off, which is removed first
 * @returns false when the file does not end at `size` any more, so that the half entry may have become a whole one
 */
export function appendToFile(
  path: string,
  { fd }: FileHandle,
  entry: Uint8Array,
  { size, tornFrom = size }: { readonly size: number; readonly tornFrom?: number | undefined },
): boolean {
  try {
    // All in one go: nobody shall come between looking and cutting.
    if (tornFrom < size) {
      if (fstatSync(fd).size !== size) return false;
      ftruncateSync(fd, tornFrom);
    }
    const start = fstatSync(fd).size;
    const written = writeSync(fd, entry);
    if (written === entry.length) return true;
    if (fstatSync(fd).size === start + written) ftruncateSync(fd, start);
  } catch (error) {
    throw fileError(error, path, "write");
  }
  throw fileError(Object.assign(new Error("a part was written"), { code: "ENOSPC" }), path, "write");
}

/** Whether a path leads to the file that is open. */
export async function isAt(path: string, file: FileHandle): Promise<boolean> {
  try {
    const [there, ours] = await Promise.all([stat(path), file.stat()]);
    return there.ino === ours.ino && there.dev === ours.dev;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return false;
    throw fileError(error, path, "read");
  }
}

/** A hidden neighbour, which programs that list a directory's caches pass over. */
export function beside(path: string, suffix: string): string {
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
