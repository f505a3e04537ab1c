import { execFileSync } from "node:child_process";
import { HostError } from "../errors.ts";

/** An account of this machine, by number. */
export interface OsUser {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Finds an account by name, wherever this machine gets its accounts from (NSS).
 *
 * @throws HostError `USER_UNKNOWN`, `USER_NEEDS_ROOT` when this process could not become that user.
 */
export function osUser(name: string, what: string): OsUser {
  if (process.getuid?.() !== 0) {
    throw new HostError(`${what} names the user ${name}, and only root can start processes as another user`, {
      code: "USER_NEEDS_ROOT",
      family: "environment",
      remedy: `Start the service as root, or remove ${what} from the configuration.`,
    });
  }
  const [, , uid, gid] = entryOf(name)?.split(":") ?? [];
  const user = { uid: Number(uid), gid: Number(gid) };
  if (uid !== undefined && user.uid > 0 && Number.isSafeInteger(user.gid)) return user;
  throw new HostError(`${what}: this machine has no unprivileged user ${name}`, {
    code: "USER_UNKNOWN",
    family: "environment",
    facts: { user: name },
    remedy: `Create it (useradd --system ${name}), or name another one.`,
  });
}

function entryOf(name: string): string | undefined {
  try {
    return execFileSync("getent", ["passwd", name], { encoding: "utf8", timeout: 10_000 }).trim();
  } catch {
    return undefined;
  }
}
