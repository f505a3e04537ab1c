import { execFile } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/**
 * Heimdal's client programs, unpacked aside: Debian's package conflicts with MIT's. Once per machine.
 *
 * @returns where the programs are, and the directory of the library that only they need
 */
export async function heimdalClients(): Promise<{ readonly bin: string; readonly lib: string }> {
  const place = join(tmpdir(), "waybill-heimdal-clients");
  if (!existsSync(place)) {
    const draft = mkdtempSync(join(tmpdir(), "waybill-heimdal-draft-"));
    chmodSync(draft, 0o755);
    const unpacked = join(draft, "unpacked");
    mkdirSync(unpacked);
    const packages = ["heimdal-clients", "libkafs0-heimdal"];
    await run("apt-get", ["download", "-q", "-o", "APT::Sandbox::User=root", ...packages], { cwd: draft });
    for (const name of readdirSync(draft)) {
      if (name.endsWith(".deb")) await run("dpkg", ["-x", join(draft, name), unpacked]);
    }
    try {
      renameSync(unpacked, place);
    } catch (error) {
      if (!existsSync(place)) throw error;
    }
    rmSync(draft, { recursive: true, force: true });
  }
  const lib = join(
    place,
    "usr/lib",
    readdirSync(join(place, "usr/lib")).find((name) => name.includes("linux")) ?? "",
  );
  return { bin: join(place, "usr/bin"), lib };
}
