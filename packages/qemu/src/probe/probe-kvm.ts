import { spawn } from "node:child_process";
import { access, constants, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { release } from "node:os";
import { join } from "node:path";
import { sleep } from "@waybill/base";
import { memoryKiB } from "../definition/command-line.ts";
import type { GuestImage } from "../guest/build-guest.ts";

export interface KvmVerdict {
  readonly usable: boolean;
  /** What was found, for a person. */
  readonly reason: string;
}

export interface ProbeKvmOptions {
  readonly guest?: GuestImage | undefined;
  /** Where the verdict is kept; it holds until QEMU, the kernel or the guest changes. */
  readonly cache?: string | undefined;
  /** How long the guest may take to boot, in ms; 10 s unless given. */
  readonly bootTimeout?: number;
  readonly program?: string;
  readonly runAs?: { readonly uid: number; readonly gid: number } | undefined;
  readonly signal?: AbortSignal | undefined;
}

const ready = "GUEST-READY";

/**
 * KVM counts only when a guest really runs under it: there are machines whose /dev/kvm opens, and whose
 * guests then crawl through an emulator and die.
 */
export async function probeKvm(version: string, options: ProbeKvmOptions): Promise<KvmVerdict> {
  const { guest, cache } = options;
  try {
    await access("/dev/kvm", constants.R_OK | constants.W_OK);
  } catch {
    return { usable: false, reason: "/dev/kvm cannot be opened" };
  }
  if (guest === undefined)
    return { usable: false, reason: "/dev/kvm opens, but no guest was tried under it" };
  const key = [version, release(), guest.fingerprint, options.runAs?.uid ?? "self"].join(" ");
  const file = cache === undefined ? undefined : join(cache, "kvm-verdict.json");
  const known = file === undefined ? undefined : await readVerdict(file, key);
  if (known !== undefined) return known;
  const verdict = await bootUnderKvm(guest, options);
  if (file !== undefined && cache !== undefined) {
    await mkdir(cache, { recursive: true });
    await writeFile(`${file}.new`, JSON.stringify({ key, ...verdict }));
    await rename(`${file}.new`, file);
  }
  return verdict;
}

async function readVerdict(file: string, key: string): Promise<KvmVerdict | undefined> {
  try {
    const known = JSON.parse(await readFile(file, "utf8")) as Record<string, unknown>;
    if (known.key !== key) return undefined;
    return { usable: known.usable === true, reason: String(known.reason) };
  } catch {
    return undefined;
  }
}

async function bootUnderKvm(guest: GuestImage, options: ProbeKvmOptions): Promise<KvmVerdict> {
  const { program = "qemu-system-x86_64", bootTimeout = 10_000, runAs, signal } = options;
  const start = performance.now();
  const machine = ["-machine", "q35,accel=kvm", "-cpu", "max", "-m", `${memoryKiB(128, "kvm")}K`];
  const devices = ["-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio", "-no-reboot"];
  const boot = [
    "-kernel",
    guest.kernel,
    "-initrd",
    guest.initrd,
    "-append",
    "console=ttyS0 panic=-1 wb.quit=1",
  ];
  const identity = runAs === undefined ? {} : runAs;
  const child = spawn(program, [...machine, ...devices, ...boot], {
    stdio: ["ignore", "pipe", "pipe"],
    ...identity,
  });
  let said = "";
  let ended = false;
  const hear = (chunk: Buffer): void => {
    said = (said + chunk.toString("latin1")).slice(-65_536);
  };
  child.stdout.on("data", hear);
  child.stderr.on("data", hear);
  child.once("error", () => {
    ended = true;
  });
  child.once("exit", () => {
    ended = true;
  });
  try {
    while (!ended && !said.includes(ready) && performance.now() - start < bootTimeout)
      await sleep(20, signal);
    const elapsed = Math.round(performance.now() - start);
    if (said.includes(ready)) return { usable: true, reason: `a guest booted under KVM in ${elapsed} ms` };
    const failure = /KVM[^\r\n]*(error|failed)[^\r\n]*/i.exec(said)?.[0] ?? "it printed no sign of life";
    return {
      usable: false,
      reason: `/dev/kvm opens, but a guest did not boot under it in ${elapsed} ms (${failure.slice(0, 120)})`,
    };
  } finally {
    child.kill("SIGKILL");
  }
}
