import { readdirSync, readFileSync, statSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { KerberosError } from "../errors.ts";
import { fileError } from "./file-access.ts";
import { Krb5Conf } from "./krb5-conf.ts";
import { type IncludedFile, newRoot, parseInto } from "./krb5-conf-parse.ts";

const maxFileSize = 1024 * 1024;

/**
 * Reads one or more krb5.conf files as one: what an earlier file says comes first. Files that do not exist are passed
 * over, unless none does. Synchronous: it is a few small files, read once when a program starts.
 *
 * @throws KerberosError FILE_NOT_FOUND, FILE_UNREADABLE, FILE_TOO_LARGE, MALFORMED_KRB5_CONF
 */
export function loadKrb5Conf(paths: string | readonly string[] = "/etc/krb5.conf"): Krb5Conf {
  const root = newRoot();
  let missing: unknown;
  let found = 0;
  for (const path of typeof paths === "string" ? paths.split(":").filter((part) => part !== "") : paths) {
    let text: string;
    try {
      text = readText(path);
    } catch (error) {
      if (!(error instanceof KerberosError) || error.code !== "FILE_NOT_FOUND") throw error;
      missing ??= error;
      continue;
    }
    found++;
    parseInto(root, text, { path, include: readText, includeDirectory: readDirectory });
  }
  if (found === 0 && missing !== undefined) throw missing;
  return new Krb5Conf(root);
}

function readText(path: string): string {
  try {
    const { size } = statSync(path);
    if (size > maxFileSize) {
      throw new KerberosError(`${path} has ${size} octets, more than ${maxFileSize}`, {
        code: "FILE_TOO_LARGE",
        family: "environment",
        facts: { path, size, limit: maxFileSize },
      });
    }
    return readFileSync(path, "utf8");
  } catch (error) {
    throw fileError(error, path, "read");
  }
}

/** The files MIT takes: named `*.conf`, or of letters, digits, dashes and underscores only; hidden ones never. */
function readDirectory(path: string): readonly IncludedFile[] {
  try {
    return readdirSync(path)
      .filter((name) => !name.startsWith(".") && (name.endsWith(".conf") || /^[A-Za-z0-9_-]+$/.test(name)))
      .sort()
      .map((name) => ({ path: join(path, name), text: readText(join(path, name)) }));
  } catch (error) {
    throw fileError(error, path, "read");
  }
}

/** What `%{…}` in paths stands for. */
export interface TokenValues {
  readonly uid: number;
  readonly username: string;
  readonly temporaryDirectory: string;
}

/** The values of this process's user. */
export function processTokens(): TokenValues {
  const { uid, username } = userInfo();
  return { uid, username, temporaryDirectory: "/tmp" };
}

/** Puts in what the tokens of `default_ccache_name` and the like stand for: `FILE:/run/user/%{uid}/krb5cc`. */
export function expandTokens(text: string, values: TokenValues): string {
  return text.replace(/%\{([^}]*)\}/g, (token, name: string) => {
    if (name === "uid" || name === "euid" || name === "USERID") return String(values.uid);
    if (name === "username") return values.username;
    if (name === "TEMP") return values.temporaryDirectory;
    if (name === "null") return "";
    throw new KerberosError(`"${text}" has a token nobody here knows: ${token}`, {
      code: "BAD_CONF_VALUE",
      family: "environment",
      facts: { value: text, token },
    });
  });
}

/** The cache's name when none is given: `default_ccache_name`, else MIT's own default. */
export function defaultCacheName(conf: Krb5Conf, values: TokenValues = processTokens()): string {
  return expandTokens(conf.libdefaults.defaultCacheName ?? "FILE:%{TEMP}/krb5cc_%{uid}", values);
}
