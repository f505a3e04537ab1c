import { randomBytes } from "node:crypto";
import { link, open, readFile, rename, unlink } from "node:fs/promises";
import { hostname } from "node:os";
import { sleep, systemCode } from "@waybill/base";
import { KerberosError } from "../errors.ts";
import { beside, fileError } from "./file-access.ts";

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
