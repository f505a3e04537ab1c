// Installs what a command needs and nothing else; safe to repeat. Plain JavaScript: it runs before npm packages exist.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: "inherit", ...options });
  if (result.error) throw result.error;
  return result.status ?? 1;
}

/** Node packages, exactly as the lock file has them. */
export function ensureNodePackages() {
  const [major = 0] = process.versions.node.split(".").map(Number);
  if (major < 20) fail(`Node ${process.versions.node} is too old: Waybill needs Node 20 or newer.`);
  const installed = join(root, "node_modules", ".package-lock.json");
  const lock = join(root, "package-lock.json");
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  console.error("Installing npm packages …");
  if (run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"]) !== 0) fail("npm ci failed.");
}

/** Debian packages named in a list; installs them as root, prints the one line to run otherwise. */
export function ensureDebianPackages(listFile) {
  const wanted = readFileSync(join(root, "tools", listFile), "utf8")
    .split("\n")
    .filter(Boolean);
  const query = spawnSync("dpkg-query", ["-W", "-f", "${Package} ${db:Status-Status}\n", ...wanted], {
    encoding: "utf8",
  });
  if (query.error)
    fail("This machine has no dpkg: the lab and the tests run on Debian 12 and its relatives.");
  const present = new Set(
    query.stdout
      .split("\n")
      .filter((line) => line.endsWith(" installed"))
      .map((line) => line.split(" ")[0]),
  );
  const missing = wanted.filter((name) => !present.has(name));
  const listsKnown =
    existsSync("/var/lib/apt/lists") &&
    readdirSync("/var/lib/apt/lists").some((name) => name.includes("Packages"));
  if (missing.length === 0 && listsKnown) return;
  if (process.getuid?.() !== 0) {
    fail(
      `Some Debian packages are missing. Run this once, then try again:\n\n  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing.join(" ")}\n`,
    );
  }
  console.error(`Installing Debian packages: ${missing.join(" ") || "package lists"} …`);
  const quiet = {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    stdio: ["ignore", "ignore", "inherit"],
  };
  run("apt-get", ["update", "-qq"], quiet);
  if (
    missing.length > 0 &&
    run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...missing], quiet) !== 0
  ) {
    fail("apt-get install failed; its message is above.");
  }
}

export function fail(message) {
  console.error(message);
  process.exit(1);
}
