import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { QmpError } from "../qmp-error.ts";
import { runProgram } from "../run-program.ts";
import { type CpioEntry, encodeCpio } from "./cpio.ts";

/** A kernel and an initramfs that boot into the test guest. */
export interface GuestImage {
  readonly kernel: string;
  readonly initrd: string;
  /** The Debian package the kernel came from, with its version's release. */
  readonly kernelPackage: string;
  /** Changes whenever anything inside changes. */
  readonly fingerprint: string;
}

export interface BuildGuestOptions {
  readonly signal?: AbortSignal | undefined;
  /** Where `guest.c` and `init` are; the package's own `guest` folder unless given. */
  readonly sources?: string;
  readonly progress?: (what: string) => void;
}

/** Where guests are built unless somebody says otherwise: `$XDG_CACHE_HOME/waybill/guest`. */
export function guestCacheDirectory(): string {
  const { XDG_CACHE_HOME } = process.env;
  return join(
    XDG_CACHE_HOME?.startsWith("/") ? XDG_CACHE_HOME : join(homedir(), ".cache"),
    "waybill",
    "guest",
  );
}

/** Beside the bundle, or in this package. */
function guestSources(): string {
  const beside = fileURLToPath(new URL("guest", import.meta.url));
  return existsSync(join(beside, "init")) ? beside : fileURLToPath(new URL("../../guest", import.meta.url));
}

/** In this order: each piece needs the ones before it, and Debian's cloud kernel has them all as modules. */
const modules = [
  "drivers/virtio/virtio_ring",
  "drivers/virtio/virtio",
  "drivers/virtio/virtio_pci_legacy_dev",
  "drivers/virtio/virtio_pci_modern_dev",
  "drivers/virtio/virtio_pci",
  "drivers/block/virtio_blk",
  "net/core/failover",
  "drivers/net/net_failover",
  "drivers/net/virtio_net",
];

const applets =
  "sh mount umount insmod ip cat echo sleep poweroff reboot dd md5sum sha256sum ls mkdir ping arping httpd uname dmesg sync free ps kill grep cut tr setsid head tail seq stty tee nc wget date vi top df".split(
    " ",
  );

/**
 * Builds the test guest into `cache` (created if missing): Debian's cloud kernel, a static busybox and one
 * static C program. Takes about 3 s and 27 MB of download the first time, nothing afterwards. Needs no
 * root: packages are unpacked, not installed.
 *
 * @throws QmpError when gcc, dpkg or apt is missing or a download fails.
 */
export async function buildGuest(
  cache: string = guestCacheDirectory(),
  options: BuildGuestOptions = {},
): Promise<GuestImage> {
  const { signal, sources = guestSources() } = options;
  const program = await readFile(join(sources, "guest.c"));
  const init = await readFile(join(sources, "init"));
  const recipe = createHash("sha256").update(program).update(init).update([modules, applets].join("\n"));
  const fingerprint = recipe.digest("hex").slice(0, 16);
  const known = await readManifest(join(cache, fingerprint));
  if (known !== undefined) return known;

  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, "building-"));
  try {
    options.progress?.("downloading the guest's kernel");
    const kernelPackage = await newestKernelPackage(signal);
    await unpack(kernelPackage, work, signal);
    const release = (await readdir(join(work, "lib/modules")))[0] ?? "";
    options.progress?.("building the guest's programs");
    const compiler = ["-O2", "-static", "-o", join(work, "guest"), join(sources, "guest.c")];
    await runProgram("gcc", compiler, { timeout: 60_000, signal });
    const entries: CpioEntry[] = [
      ...["bin", "proc", "sys", "dev", "tmp", "mnt", "modules"].map((path) => ({
        path,
        kind: "directory" as const,
      })),
      { path: "dev/console", kind: "device", numbers: [5, 1] },
      { path: "dev/null", kind: "device", numbers: [1, 3] },
      { path: "init", kind: "file", bytes: init, executable: true },
      { path: "bin/busybox", kind: "file", bytes: await busybox(work, signal), executable: true },
      { path: "bin/guest", kind: "file", bytes: await readFile(join(work, "guest")), executable: true },
      ...applets.map((name) => ({ path: `bin/${name}`, kind: "link" as const, target: "busybox" })),
      ...(await moduleEntries(join(work, "lib/modules", release, "kernel"))),
    ];
    const finished = join(work, "finished");
    await mkdir(finished);
    await writeFile(join(finished, "initrd.gz"), await promisify(gzip)(encodeCpio(entries), { level: 6 }));
    await rename(join(work, "boot", `vmlinuz-${release}`), join(finished, "vmlinuz"));
    await writeFile(join(finished, "manifest.json"), JSON.stringify({ kernelPackage, fingerprint }));
    await putInPlace(finished, join(cache, fingerprint));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  const built = await readManifest(join(cache, fingerprint));
  if (built === undefined) throw buildFailed("the finished image cannot be read back");
  return built;
}

async function readManifest(directory: string): Promise<GuestImage | undefined> {
  const manifest = join(directory, "manifest.json");
  if (!existsSync(manifest)) return undefined;
  const { kernelPackage, fingerprint } = JSON.parse(await readFile(manifest, "utf8")) as Record<
    string,
    string
  >;
  const files = { kernel: join(directory, "vmlinuz"), initrd: join(directory, "initrd.gz") };
  if (!existsSync(files.kernel) || !existsSync(files.initrd)) return undefined;
  return { ...files, kernelPackage: String(kernelPackage), fingerprint: String(fingerprint) };
}

/** Two builders may race: the first one's image stays, both are the same. */
async function putInPlace(finished: string, place: string): Promise<void> {
  try {
    await rename(finished, place);
  } catch (error) {
    if ((await readManifest(place)) !== undefined) return;
    await rm(place, { recursive: true, force: true });
    await rename(finished, place).catch(() => {
      throw buildFailed(`cannot write ${place}`, error);
    });
  }
}

async function newestKernelPackage(signal: AbortSignal | undefined): Promise<string> {
  const { stdout } = await runProgram("apt-cache", ["depends", "linux-image-cloud-amd64"], { signal });
  const name = /Depends: (linux-image-[0-9a-z.+-]+)/.exec(stdout)?.[1];
  if (name === undefined) throw buildFailed("apt knows no linux-image-cloud-amd64");
  return name;
}

async function unpack(name: string, work: string, signal: AbortSignal | undefined): Promise<void> {
  const packages = join(work, "packages");
  await mkdir(packages, { recursive: true });
  const timeout = 180_000;
  await runProgram("apt-get", ["download", name], { cwd: packages, timeout, signal });
  const file = (await readdir(packages)).find((entry) => entry.startsWith(`${name}_`));
  if (file === undefined) throw buildFailed(`apt-get download left no file for ${name}`);
  await runProgram("dpkg", ["-x", join(packages, file), work], { timeout, signal });
}

/** The machine's busybox if it needs no shared libraries, else Debian's static one. */
async function busybox(work: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
  for (const path of ["/bin/busybox", "/usr/bin/busybox"]) {
    if (!existsSync(path)) continue;
    const bytes = await readFile(path);
    if (bytes.indexOf("ld-linux-x86-64.so") < 0) return bytes;
  }
  await unpack("busybox-static", work, signal);
  return await readFile(join(work, "bin/busybox"));
}

async function moduleEntries(directory: string): Promise<CpioEntry[]> {
  const entries: CpioEntry[] = [];
  for (const module of modules) {
    const name = `${module.split("/").at(-1)}.ko`;
    const bytes = await readFile(join(directory, `${module}.ko`));
    entries.push({ path: `modules/${name}`, kind: "file", bytes });
  }
  const order = modules.map((module) => `${module.split("/").at(-1)}.ko\n`).join("");
  return [...entries, { path: "modules/order", kind: "file", bytes: Buffer.from(order) }];
}

function buildFailed(why: string, cause?: unknown): QmpError {
  return new QmpError(`the test guest cannot be built: ${why}`, {
    code: "GUEST_BUILD_FAILED",
    family: "environment",
    remedy: "Run apt-get update, and check that gcc, libc6-dev and dpkg are installed.",
    cause,
  });
}
