import { open } from "node:fs/promises";
import type { DiskDefinition, VmDefinition } from "../definition/vm-definition.ts";
import { DefinitionError, QmpError } from "../qmp-error.ts";
import { runProgram } from "../run-program.ts";

export interface DiskImage {
  readonly format: "raw" | "qcow2";
  /** Size the guest sees, in bytes. */
  readonly virtualSize: number;
}

const qcow2Magic = 0x514649fb;
/** Incompatible feature bit 2: the data is in another file that the image names (QEMU docs/interop/qcow2). */
const externalData = 1 << 2;

/**
 * Reads an image's header.
 *
 * @throws DefinitionError for a qcow2 image that names further files (backing or data files: a guest's
 * image must not choose which of the host's files are opened), QmpError DISK_UNREADABLE.
 */
export async function inspectDisk(disk: Pick<DiskDefinition, "path" | "format">): Promise<DiskImage> {
  const file = await open(disk.path, "r").catch((cause: unknown) => {
    throw unreadable(disk.path, cause);
  });
  try {
    if (disk.format === "raw") {
      const status = await file.stat();
      return { format: "raw", virtualSize: status.isFile() ? status.size : await deviceSize(disk.path) };
    }
    const header = Buffer.alloc(104);
    const { bytesRead } = await file.read(header, 0, header.length, 0);
    if (bytesRead < 72 || header.readUInt32BE(0) !== qcow2Magic)
      throw new DefinitionError(`${disk.path} is not a qcow2 image`, { code: "DISK_FORMAT" });
    const version = header.readUInt32BE(4);
    const features = version >= 3 && bytesRead >= 104 ? header.readUInt32BE(76) : 0;
    if (header.readBigUInt64BE(8) !== 0n || (features & externalData) !== 0)
      throw new DefinitionError(`${disk.path} depends on another file`, {
        code: "DISK_HAS_BACKING_FILE",
        remedy: "Make it self-contained: qemu-img convert -O qcow2 OLD NEW.",
      });
    return { format: "qcow2", virtualSize: Number(header.readBigUInt64BE(24)) };
  } finally {
    await file.close();
  }
}

/** Creates an empty image for a disk that will be mirrored here. Refuses to touch an existing file. */
export async function createDisk(
  disk: Pick<DiskDefinition, "path" | "format">,
  virtualSize: number,
  owner?: { readonly uid: number; readonly gid: number },
): Promise<void> {
  const file = await open(disk.path, "wx", 0o600).catch((cause: unknown) => {
    throw new QmpError(`cannot create ${disk.path}`, {
      code: "DISK_NOT_CREATED",
      family: "environment",
      facts: { path: disk.path },
      cause,
      remedy: "Check the folder, its permissions and the free space.",
    });
  });
  try {
    if (disk.format === "raw") await file.truncate(virtualSize);
    if (owner !== undefined) await file.chown(owner.uid, owner.gid);
  } finally {
    await file.close();
  }
  // qemu-img reads a protocol out of a name such as nbd:…; an absolute path is never one.
  if (disk.format === "qcow2")
    await runProgram("qemu-img", ["create", "-q", "-f", "qcow2", "--", disk.path, String(virtualSize)]);
}

/** Every disk can be opened and is what the definition says. */
export async function checkDisks(definition: VmDefinition): Promise<void> {
  for (const disk of definition.disks) await inspectDisk(disk);
}

async function deviceSize(path: string): Promise<number> {
  const { stdout } = await runProgram("blockdev", ["--getsize64", path]);
  return Number(stdout.trim());
}

function unreadable(path: string, cause: unknown): QmpError {
  return new QmpError(`cannot open the disk image ${path}`, {
    code: "DISK_UNREADABLE",
    family: "environment",
    facts: { path },
    cause,
    remedy: "Check that the file is there, is an image of the format named, and may be read by QEMU's user.",
  });
}
