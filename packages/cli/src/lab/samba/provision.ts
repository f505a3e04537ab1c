import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { systemCode, WaybillError } from "@waybill/base";
import { guestCacheDirectory } from "@waybill/qemu";
import { labRealm } from "../layout.ts";

/** The Administrator's password of every domain provisioned here; each lab replaces it. */
export const templatePassword = "Provisioned.Once1";

/**
 * Provisions a Samba AD for the lab's realm, once for each user of this machine: later labs start from a copy.
 * Takes 5 to 10 s the first time. The copy holds keys, so nobody else may read it.
 *
 * @throws WaybillError SAMBA_NOT_INSTALLED, SAMBA_FAILED
 */
export async function provisionSamba(target: string): Promise<void> {
  const recipe = createHash("sha256").update(`1 ${labRealm}`).digest("hex").slice(0, 12);
  const template = join(dirname(guestCacheDirectory()), `samba-${recipe}`);
  if (!existsSync(template)) await makeTemplate(template);
  await mkdir(target, { recursive: true, mode: 0o700 });
  await cp(template, target, { recursive: true, preserveTimestamps: true });
}

async function makeTemplate(template: string): Promise<void> {
  await mkdir(dirname(template), { recursive: true });
  const draft = await mkdtemp(`${template}-draft-`);
  try {
    const base = join(draft, "base.conf");
    // Without a configuration of its own, provisioning takes over the machine's name server and addresses.
    await writeFile(base, "[global]\n  interfaces = 127.0.0.1/8\n  bind interfaces only = yes\n");
    const options = {
      realm: labRealm,
      domain: labRealm.split(".")[0] ?? labRealm,
      "server-role": "dc",
      "dns-backend": "NONE",
      adminpass: templatePassword,
      "host-name": "dc1",
      "host-ip": "127.0.0.1",
      targetdir: draft,
    };
    const args = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
    await runSambaProgram("samba-tool", ["domain", "provision", "-q", "-s", base, ...args], "", 120_000);
    await rename(draft, template).catch((error: unknown) => {
      // Another lab was quicker; its template is as good.
      if (!existsSync(template)) throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** Runs one of Samba's programs. @throws WaybillError SAMBA_NOT_INSTALLED, SAMBA_FAILED */
export async function runSambaProgram(
  program: string,
  args: readonly string[],
  input: string,
  timeout = 30_000,
): Promise<string> {
  return await new Promise((resolve, reject) => {
    const child = execFile(program, [...args], { timeout, maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(systemCode(error) === "ENOENT" ? notInstalled(error) : failed(program, stderr, error));
    });
    child.stdin?.on("error", () => {});
    child.stdin?.end(input);
  });
}

export function notInstalled(cause: unknown): WaybillError {
  return new WaybillError("Samba's domain controller is not installed", {
    code: "SAMBA_NOT_INSTALLED",
    family: "environment",
    remedy:
      "apt-get install --no-install-recommends samba samba-ad-provision samba-dsdb-modules samba-vfs-modules python3-samba",
    cause,
  });
}

function failed(program: string, stderr: string, cause: unknown): WaybillError {
  const said = stderr.trim().split("\n").slice(-2).join(" | ");
  return new WaybillError(`${program} failed: ${said}`, {
    code: "SAMBA_FAILED",
    family: "environment",
    cause,
  });
}
