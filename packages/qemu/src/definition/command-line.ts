import { DefinitionError } from "../qmp-error.ts";
import { hasControlCharacters } from "./text-rules.ts";
import type { DiskDefinition, Firmware, NetworkDefinition, VmDefinition } from "./vm-definition.ts";

export type Accelerator = "kvm" | "tcg";

export interface CommandLineOptions {
  readonly accelerator: Accelerator;
  readonly files: VmFiles;
  /** Starts paused and waits for a migration, whose address is given over QMP. */
  readonly incoming?: boolean;
  /** Starts paused. */
  readonly paused?: boolean;
}

/** The sockets and logs of one running machine. */
export interface VmFiles {
  /** For the service that owns the machine. */
  readonly control: string;
  /** A second QMP socket, for whoever watches. */
  readonly observer: string;
  readonly console: string;
  readonly consoleLog: string;
  readonly reportLog: string;
}

export interface CommandLine {
  readonly args: readonly string[];
  /** Descriptors QEMU inherits: the first becomes 3, the next 4, and so on. */
  readonly inherited: readonly number[];
}

/** Longest path of a UNIX socket, in bytes (sun_path without its terminator). */
const longestSocketPath = 107;

/**
 * QEMU's arguments for a validated definition. Values that came from a person travel as JSON wherever QEMU
 * takes it and with doubled commas elsewhere, so that no value can become an option. No secret is ever here.
 *
 * @throws DefinitionError for something that cannot be passed on safely.
 */
export function buildCommandLine(definition: VmDefinition, options: CommandLineOptions): CommandLine {
  const { accelerator, files } = options;
  const inherited: number[] = [];
  const args: string[] = [
    ["-name", `guest=${escapeCommas(definition.name)},process=waybill-${definition.name.slice(0, 7)}`],
    ["-uuid", definition.uuid],
    ["-machine", `type=${definition.machine},accel=${accelerator}`],
    ["-cpu", [definition.cpu.model, ...definition.cpu.features].join(",")],
    ["-smp", `cpus=${definition.vcpus}`],
    ["-m", `size=${memoryKiB(definition.memoryMiB, accelerator)}K`],
    ["-display", "none", "-nodefaults", "-no-user-config"],
    ["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"],
    monitor("control", files.control),
    monitor("observer", files.observer),
    serialPorts(definition, files),
    firmware(definition.firmware),
    definition.disks.flatMap(disk),
    definition.networks.flatMap((network, index) => networkCard(network, index, inherited)),
    video(definition.video),
    kernelBoot(definition),
  ].flat();
  if (options.incoming) args.push("-incoming", "defer");
  if (options.incoming || options.paused) args.push("-S");
  for (const argument of args)
    if (hasControlCharacters(argument)) throw new DefinitionError("a value contains control characters");
  return { args, inherited };
}

/** The block node that holds disk `id`'s contents: what is exported and mirrored. */
export function diskNode(id: string): string {
  return `node-${id}`;
}

/**
 * QEMU 7.2's TCG loses dirty pages of a migrating guest when its memory is a multiple of 256 KiB: the
 * word-wise path of the dirty bitmap's synchronization leaves the translation cache unaware. Two pages more
 * take the page-wise path, which is right.
 */
export function memoryKiB(memoryMiB: number, accelerator: Accelerator): number {
  return memoryMiB * 1024 + (accelerator === "tcg" ? 8 : 0);
}

/** QEMU's key=value syntax ends a value at a comma unless it is doubled. */
export function escapeCommas(value: string): string {
  return value.replaceAll(",", ",,");
}

const json = (value: unknown): string => JSON.stringify(value);

function socketPath(path: string): string {
  if (Buffer.byteLength(path) > longestSocketPath)
    throw new DefinitionError(`the socket path ${path} is longer than ${longestSocketPath} bytes`, {
      remedy: "Use a shorter state directory.",
    });
  return escapeCommas(path);
}

function monitor(id: string, path: string): string[] {
  const chardev = `socket,id=${id},path=${socketPath(path)},server=on,wait=off`;
  return ["-chardev", chardev, "-mon", `chardev=${id},mode=control`];
}

function serialPorts(definition: VmDefinition, files: VmFiles): string[] {
  const log = `logfile=${escapeCommas(files.consoleLog)},logappend=on`;
  const console = `socket,id=console,path=${socketPath(files.console)},server=on,wait=off,${log}`;
  const args = [
    "-chardev",
    console,
    "-device",
    json({ driver: "isa-serial", id: "serial0", chardev: "console" }),
  ];
  if (!definition.reportPort) return args;
  const report = `file,id=report,path=${escapeCommas(files.reportLog)},append=on`;
  return [
    ...args,
    "-chardev",
    report,
    "-device",
    json({ driver: "isa-serial", id: "serial1", chardev: "report" }),
  ];
}

function disk(disk: DiskDefinition, index: number): string[] {
  const node = diskNode(disk.id);
  const cache = { direct: disk.cache === "none", "no-flush": false };
  const file = {
    driver: "file",
    "node-name": `file-${disk.id}`,
    filename: disk.path,
    "read-only": disk.readOnly,
    discard: "unmap",
    aio: "threads",
    cache,
  };
  const image = {
    driver: disk.format,
    "node-name": node,
    file: `file-${disk.id}`,
    "read-only": disk.readOnly,
    discard: "unmap",
    cache,
    // An image must not name further files of the host.
    ...(disk.format === "qcow2" ? { backing: null } : {}),
  };
  const device = {
    driver: "virtio-blk-pci",
    id: disk.id,
    drive: node,
    addr: slot(0x10 + index),
    bootindex: index + 1,
    ...(disk.serial === undefined ? {} : { serial: disk.serial }),
  };
  return ["-blockdev", json(file), "-blockdev", json(image), "-device", json(device)];
}

function networkCard(network: NetworkDefinition, index: number, inherited: number[]): string[] {
  const device = {
    driver: "virtio-net-pci",
    id: network.id,
    netdev: `net-${network.id}`,
    mac: network.mac,
    addr: slot(0x08 + index),
    // No option ROM: nothing boots from the network, and ROM sizes differ between hosts.
    romfile: "",
  };
  return ["-netdev", netdev(network, inherited), "-device", json(device)];
}

function netdev(network: NetworkDefinition, inherited: number[]): string {
  const { attachment } = network;
  const id = `net-${network.id}`;
  switch (attachment.kind) {
    case "named":
      throw new DefinitionError(`network ${attachment.name} of ${network.id} is not known on this host`, {
        remedy: `Define a network named ${attachment.name} in this host's settings.`,
      });
    case "user":
      return json({ type: "user", id });
    case "datagram": {
      const host = attachment.host.startsWith("127.") ? "127.0.0.1" : "0.0.0.0";
      const local = { type: "inet", host, port: "0" };
      const remote = { type: "inet", host: attachment.host, port: String(attachment.port) };
      return json({ type: "dgram", id, local, remote });
    }
    case "stream":
      socketPath(attachment.path);
      return json({ type: "stream", id, server: false, addr: { type: "unix", path: attachment.path } });
    case "tap":
      return json({ type: "tap", id, ifname: attachment.interface, script: "no", downscript: "no" });
    case "tap-fd":
      inherited.push(attachment.fd);
      return json({ type: "tap", id, fd: String(2 + inherited.length) });
  }
}

function firmware(firmware: Firmware): string[] {
  if (firmware.kind === "bios") return [];
  const code = { driver: "file", filename: firmware.code, "node-name": "file-fwcode", "read-only": true };
  const variables = { driver: "file", filename: firmware.variables, "node-name": "file-fwvars" };
  return [
    ["-blockdev", json(code), "-blockdev", json(variables)],
    ["-machine", "pflash0=file-fwcode,pflash1=file-fwvars"],
  ].flat();
}

function video(kind: VmDefinition["video"]): string[] {
  if (kind === "none") return [];
  const driver = kind === "std" ? "VGA" : "virtio-vga";
  return ["-device", json({ driver, id: "video0", addr: slot(0x02) })];
}

function kernelBoot({ boot }: VmDefinition): string[] {
  if (boot === undefined) return [];
  const args = ["-kernel", boot.kernel];
  if (boot.initrd !== undefined) args.push("-initrd", boot.initrd);
  if (boot.commandLine !== undefined) args.push("-append", boot.commandLine);
  return args;
}

/** Fixed places on the PCI bus: the same device is at the same place on every host. */
function slot(number: number): string {
  return number.toString(16);
}
