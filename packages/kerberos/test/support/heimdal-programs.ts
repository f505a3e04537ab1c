import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "./processes.ts";

export interface HeimdalPrograms {
  /** What everybody may run. */
  readonly bin: string;
  /** kdc and kpasswdd. */
  readonly servers: string;
  /** Of the library that only these programs need: for LD_LIBRARY_PATH. */
  readonly lib: string;
}

/**
 * Heimdal's programs, unpacked aside: Debian's packages cannot be installed next to MIT's. Most of their libraries
 * are installed. Unpacked once per machine.
 */
export async function heimdalPrograms(): Promise<HeimdalPrograms> {
  const place = join(tmpdir(), "waybill-heimdal");
  if (!existsSync(place)) await unpack(place);
  const libraries = join(place, "usr/lib");
  const own = (await readdir(libraries)).find((name) => name.includes("linux")) ?? "";
  return {
    bin: join(place, "usr/bin"),
    servers: join(libraries, "heimdal-servers"),
    lib: join(libraries, own),
  };
}

async function unpack(place: string): Promise<void> {
  const draft = await mkdtemp(join(tmpdir(), "waybill-heimdal-draft-"));
  try {
    await chmod(draft, 0o755);
    const unpacked = join(draft, "unpacked");
    await mkdir(unpacked);
    const options = ["-q", "-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=5"];
    const packages = ["heimdal-kdc", "heimdal-clients", "libkafs0-heimdal"];
    const download = 'cd "$0" && apt-get download "$@"';
    await run("sh", ["-c", download, draft, ...options, ...packages], { timeout: 200_000 });
    for (const name of await readdir(draft)) {
      if (name.endsWith(".deb")) await run("dpkg", ["-x", join(draft, name), unpacked]);
    }
    await rename(unpacked, place).catch((error: unknown) => {
      // Somebody else was faster.
      if (!existsSync(place)) throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}
