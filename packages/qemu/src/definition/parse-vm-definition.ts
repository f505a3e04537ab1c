import { FieldReader, refuseProblems } from "./field-reader.ts";
import { textRules } from "./text-rules.ts";
import type {
  CpuDefinition,
  DiskDefinition,
  Firmware,
  KernelBoot,
  NetworkAttachment,
  NetworkDefinition,
  VmDefinition,
} from "./vm-definition.ts";

/**
 * Reads a VM definition from plain data, such as parsed JSON or YAML, and fills in defaults. Needed are
 * `name`, `uuid` and `memoryMiB`; unknown fields are refused.
 *
 * @throws DefinitionError listing every problem with its path.
 * @example parseVmDefinition({ name: "web01", uuid: randomUUID(), memoryMiB: 256, disks: [{ path: "/vm/web01.raw", format: "raw" }] })
 */
export function parseVmDefinition(value: unknown): VmDefinition {
  const problems: string[] = [];
  const reader = new FieldReader(value, "", problems);
  const boot = readBoot(reader.object("boot"));
  const definition: VmDefinition = {
    name: reader.text("name", textRules.name),
    uuid: reader.text("uuid", textRules.uuid),
    memoryMiB: reader.integer("memoryMiB", 16, 1 << 24),
    vcpus: reader.integer("vcpus", 1, 288, 1),
    machine: reader.text("machine", textRules.machine, "q35"),
    cpu: readCpu(reader.object("cpu")),
    firmware: readFirmware(reader.object("firmware")),
    ...(boot === undefined ? {} : { boot }),
    disks: reader.list("disks", 8, readDisk),
    networks: reader.list("networks", 8, readNetwork),
    video: reader.oneOf("video", ["none", "std", "virtio"], "none"),
    reportPort: reader.flag("reportPort", false),
  };
  reader.end();
  refuseRepeats("disks", definition.disks, problems);
  refuseRepeats("networks", definition.networks, problems);
  const macs = new Set(definition.networks.map((network) => network.mac));
  if (macs.size !== definition.networks.length) problems.push("networks: two have the same MAC address");
  const paths = new Set(definition.disks.map((disk) => disk.path));
  if (paths.size !== definition.disks.length) problems.push("disks: two have the same path");
  refuseProblems("the VM definition is not valid", problems);
  return definition;
}

function readCpu(reader: FieldReader | undefined): CpuDefinition {
  if (reader === undefined) return { model: "max", features: [] };
  const cpu = {
    model: reader.text("model", textRules.cpuModel, "max"),
    features: reader.list("features", 64, (value, path, problems) => {
      if (typeof value === "string" && textRules.cpuFeature.test(value)) return value;
      problems.push(`${path}: ${textRules.cpuFeature.needs}`);
      return "";
    }),
  };
  reader.end();
  return cpu;
}

function readFirmware(reader: FieldReader | undefined): Firmware {
  if (reader === undefined) return { kind: "bios" };
  const kind = reader.oneOf("kind", ["bios", "uefi"]);
  const firmware: Firmware =
    kind === "bios"
      ? { kind }
      : {
          kind,
          code: reader.text("code", textRules.path),
          variables: reader.text("variables", textRules.path),
        };
  reader.end();
  return firmware;
}

function readBoot(reader: FieldReader | undefined): KernelBoot | undefined {
  if (reader === undefined) return undefined;
  const initrd = reader.optionalText("initrd", textRules.path);
  const commandLine = reader.optionalText("commandLine", textRules.commandLine);
  // QEMU reads a comma in -initrd as a list of files.
  if (initrd?.includes(",")) reader.problem("initrd", "a comma in this path cannot be passed to QEMU");
  const boot: KernelBoot = {
    kernel: reader.text("kernel", textRules.path),
    ...(initrd === undefined ? {} : { initrd }),
    ...(commandLine === undefined ? {} : { commandLine }),
  };
  reader.end();
  return boot;
}

function readDisk(value: unknown, path: string, problems: string[]): DiskDefinition {
  const reader = new FieldReader(value, path, problems);
  const serial = reader.optionalText("serial", textRules.serial);
  const disk: DiskDefinition = {
    id: reader.text("id", textRules.id, `disk${indexIn(path)}`),
    path: reader.text("path", textRules.path),
    format: reader.oneOf("format", ["raw", "qcow2"]),
    readOnly: reader.flag("readOnly", false),
    cache: reader.oneOf("cache", ["none", "writeback"], "none"),
    ...(serial === undefined ? {} : { serial }),
  };
  reader.end();
  return disk;
}

function readNetwork(value: unknown, path: string, problems: string[]): NetworkDefinition {
  const reader = new FieldReader(value, path, problems);
  const attachment = reader.object("attachment");
  const network: NetworkDefinition = {
    id: reader.text("id", textRules.id, `net${indexIn(path)}`),
    mac: reader.text("mac", textRules.mac),
    attachment: attachment === undefined ? { kind: "user" } : readAttachment(attachment),
  };
  reader.end();
  return network;
}

function readAttachment(reader: FieldReader): NetworkAttachment {
  const kind = reader.oneOf("kind", ["named", "user", "datagram", "stream", "tap", "tap-fd"]);
  const attachment = readAttachmentFields(kind, reader);
  reader.end();
  return attachment;
}

function readAttachmentFields(kind: NetworkAttachment["kind"], reader: FieldReader): NetworkAttachment {
  switch (kind) {
    case "named":
      return { kind, name: reader.text("name", textRules.name) };
    case "user":
      return { kind };
    case "datagram":
      return { kind, host: reader.text("host", textRules.ipv4), port: reader.integer("port", 1, 65535) };
    case "stream":
      return { kind, path: reader.text("path", textRules.path) };
    case "tap":
      return { kind, interface: reader.text("interface", textRules.interface) };
    case "tap-fd":
      return { kind, fd: reader.integer("fd", 3, 65535) };
  }
}

function indexIn(path: string): string {
  return /\[(\d+)\]$/.exec(path)?.[1] ?? "0";
}

function refuseRepeats(what: string, items: readonly { readonly id: string }[], problems: string[]): void {
  const ids = new Set(items.map((item) => item.id));
  if (ids.size !== items.length) problems.push(`${what}: two have the same id`);
}
