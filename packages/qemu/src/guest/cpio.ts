import { concatBytes, utf8 } from "@waybill/base";

/** One entry of an initramfs. Devices are `[major, minor]` of a character device. */
export type CpioEntry = { readonly path: string } & (
  | { readonly kind: "directory" }
  | { readonly kind: "file"; readonly bytes: Uint8Array; readonly executable?: boolean }
  | { readonly kind: "link"; readonly target: string }
  | { readonly kind: "device"; readonly numbers: readonly [number, number] }
);

const modes = { directory: 0o040755, file: 0o100644, link: 0o120777, device: 0o020600 } as const;

/**
 * An archive in the "new ASCII" cpio format that the Linux kernel unpacks as initramfs
 * (Documentation/driver-api/early-userspace/buffer-format.rst). Written here because device nodes inside
 * need no privileges that way.
 */
export function encodeCpio(entries: readonly CpioEntry[]): Uint8Array {
  const parts = entries.map((entry, index) => encodeEntry(entry, index + 1));
  parts.push(record("TRAILER!!!", 0, 0, emptyData, [0, 0]));
  return concatBytes(...parts);
}

const emptyData = new Uint8Array(0);

function encodeEntry(entry: CpioEntry, inode: number): Uint8Array {
  const mode = modes[entry.kind] | (entry.kind === "file" && entry.executable ? 0o111 : 0);
  const data = entry.kind === "file" ? entry.bytes : entry.kind === "link" ? utf8(entry.target) : emptyData;
  return record(entry.path, inode, mode, data, entry.kind === "device" ? entry.numbers : [0, 0]);
}

function record(
  path: string,
  inode: number,
  mode: number,
  data: Uint8Array,
  device: readonly [number, number],
): Uint8Array {
  const name = utf8(`${path}\0`);
  // inode, mode, uid, gid, links, mtime, size, device and rdevice numbers, name length, checksum
  const fields = [inode, mode, 0, 0, 1, 0, data.length, 0, 0, device[0], device[1], name.length, 0];
  const header = utf8(`070701${fields.map((value) => value.toString(16).padStart(8, "0")).join("")}`);
  return concatBytes(header, name, padding(header.length + name.length), data, padding(data.length));
}

function padding(length: number): Uint8Array {
  return new Uint8Array((4 - (length % 4)) % 4);
}
